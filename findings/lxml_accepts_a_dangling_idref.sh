#!/usr/bin/env bash
# Surprise: a schema declares one attribute xs:ID and another xs:IDREF. lxml (libxml2) refuses a document in which two elements
#   have the same ID, but calls one valid whose IDREF names an ID that no element has.
# Guess before running: both are refused, since libxml2 keeps a table of IDs and the types exist for nothing else.
# Versions: lxml 6.1.3 (libxml2 2.14.6), xmlschema 4.3.2. Source: XML Schema Part 1, 3.3.4, "Validation Root Valid (ID/IDREF)":
#   every IDREF needs its ID. Formats that refer by IDREF alone (ELAN's ANNOTATION_REF) need xs:keyref or another validator.
# Seen: "lxml: same ID twice False, IDREF to nothing True", "xmlschema: same ID twice False, IDREF to nothing False"
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
python3 -m venv env
env/bin/pip install --quiet lxml==6.1.3 xmlschema==4.3.2
env/bin/python - <<'PYTHON'
import xmlschema
from lxml import etree

SCHEMA = """<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"><xs:element name="doc"><xs:complexType><xs:sequence>
<xs:element name="item" maxOccurs="unbounded"><xs:complexType>
<xs:attribute name="id" type="xs:ID"/><xs:attribute name="after" type="xs:IDREF"/>
</xs:complexType></xs:element></xs:sequence></xs:complexType></xs:element></xs:schema>"""
TWICE = '<doc><item id="a"/><item id="a"/></doc>'
NOTHING = '<doc><item id="a"/><item id="b" after="c"/></doc>'

lxml_schema, other = etree.XMLSchema(etree.fromstring(SCHEMA)), xmlschema.XMLSchema(SCHEMA)
by_lxml = [lxml_schema.validate(etree.fromstring(text)) for text in (TWICE, NOTHING)]
by_other = [other.is_valid(text) for text in (TWICE, NOTHING)]
for name, found in (("lxml", by_lxml), ("xmlschema", by_other)):
    print(f"{name}: same ID twice {found[0]}, IDREF to nothing {found[1]}")
assert by_lxml == [False, True] and by_other == [False, False]
PYTHON
