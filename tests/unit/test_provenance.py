"""Origin and terms of training data, from a data set to what is said about a model."""

import dataclasses
import json

import pytest

from fer_core.checkpoint import INFO_FILE as MODEL_FILE
from fer_core.checkpoint import load_checkpoint_info
from fer_core.cli import main
from fer_core.config import DistillConfig, TransferConfig, load_preset
from fer_core.data.importers.base import IMPORTERS
from fer_core.data.store import INFO_FILE, load_dataset_info, save_terms
from fer_core.provenance import (
    FER2013,
    FERPLUS,
    SCHEMATIC,
    Statement,
    Terms,
    answer_use,
    judge_licence,
    judge_use,
)
from fer_core.training.lineage import gather_terms
from fer_core.workspace import PROJECT_ROOT
from tests.small_models import save_small_model

OPEN = Terms(source="open", picture_licence="CC BY 4.0", label_licence="CC BY 4.0", commercial="yes")
CLOSED = Terms(source="lab", picture_licence="research only", commercial="no")


@pytest.mark.parametrize(
    ("licence", "answer"),
    [
        ("CC0", "yes"), ("cc by 4.0", "yes"), ("CC-BY-SA-3.0", "yes"), ("MIT", "yes"), ("Apache 2.0", "yes"),
        ("public domain", "yes"), ("CC BY-NC 4.0", "no"), ("CC BY-NC-SA", "no"), ("Non-commercial", "no"),
        ("academic use", "no"), ("CC BY 4.0 but ask first", "unresolved"), ("ours", "unresolved"),
        ("CC BY-ND 4.0", "unresolved"), ("", "unresolved"),
    ],
)  # fmt: skip
def test_a_licence_is_judged_by_its_name(licence, answer):
    assert judge_licence(licence) == answer


@pytest.mark.parametrize(
    ("terms", "answer", "says"),
    [
        ((), "unresolved", "nothing says"),
        ((OPEN,), "yes", "open: CC BY 4.0"),
        ((OPEN, SCHEMATIC), "yes", "schematic-faces: CC0"),
        ((OPEN, FERPLUS), "unresolved", "neither the photographers nor the people on FER2013's pictures"),
        ((OPEN, Terms(source="web")), "unresolved", "the terms of web are not known"),
        ((FERPLUS, CLOSED, OPEN), "no", "lab (research only)"),
    ],
)
def test_the_worst_terms_of_a_lineage_answer_in_two_sentences(terms, answer, says):
    assert judge_use(terms) == answer
    words = answer_use(terms)
    assert says in words and words.count(". ") == 1 and words.endswith(".")


def test_what_the_user_states_goes_before_what_is_known():
    assert Statement().apply("faces") == ()
    assert Statement().apply("faces", (FER2013,)) == (FER2013,)
    (stated,) = Statement(licence="CC BY 4.0", pictures="my phone").apply("faces", (FER2013,))
    assert (stated.picture_licence, stated.label_licence, stated.pictures) == (
        "CC BY 4.0",
        "CC BY 4.0",
        "my phone",
    )
    assert stated.commercial == "yes" and stated.unresolved == ""
    (stated,) = Statement(commercial="no").apply("faces", (OPEN,))
    assert stated.commercial == "no" and stated.picture_licence == "CC BY 4.0"


def test_every_importer_of_a_published_data_set_says_where_its_terms_stand():
    known = {name: IMPORTERS[name].terms for name in IMPORTERS if IMPORTERS[name].terms}
    assert set(known) >= {
        "fer2013",
        "emonet-face",
        "raf-db",
        "affectnet",
        "jaffe",
        "kdef",
        "ck-plus",
        "ck-plus-48",
    }
    for name, terms in known.items():
        assert terms.reference and terms.pictures, name
        assert (terms.commercial == "yes") == (judge_licence(terms.picture_licence) == "yes"), name


@pytest.mark.parametrize(
    ("licence", "terms"),
    [
        ("CC0: drawn faces of nobody", (SCHEMATIC,)),
        ("not stated by the source", ()),
        ("ask Ann", (Terms(source="faces", picture_licence="ask Ann"),)),
    ],
)
def test_files_of_schema_1_are_read(licence, terms, workspace, draw_faces):
    path = draw_faces(workspace, "faces", num_images=60) / INFO_FILE
    value = json.loads(path.read_text())
    del value["terms"]
    path.write_text(json.dumps({**value, "schema_version": 1, "licence": licence}))
    assert load_dataset_info(path.parent).terms == terms
    path = save_small_model(workspace, "old") / MODEL_FILE
    value = json.loads(path.read_text())
    del value["terms"]
    data = {"name": "faces", "licence": licence}
    path.write_text(json.dumps({**value, "schema_version": 1, "data": data}))
    info = load_checkpoint_info(path.parent)
    assert info.terms == terms and dict(info.data) == {"name": "faces"}


@pytest.mark.parametrize("name", ["fer-small", "fer-tiny", "fer-seven"])
def test_the_shipped_models_do_not_promise_what_is_not_settled(name):
    info = load_checkpoint_info(PROJECT_ROOT / "checkpoints" / name)
    assert info.terms and judge_use(info.terms) == "unresolved"
    assert "FER2013's pictures" in answer_use(info.terms)


def test_a_model_inherits_the_terms_of_all_its_parents(workspace, draw_faces):
    info = save_terms(draw_faces(workspace, "faces", num_images=60), [OPEN])
    for name, terms in (("start", [CLOSED]), ("teacher", [OPEN, FERPLUS])):
        path = save_small_model(workspace, name) / MODEL_FILE
        value = json.loads(path.read_text()) | {"terms": [dataclasses.asdict(item) for item in terms]}
        path.write_text(json.dumps(value))
    save_small_model(workspace, "orphan")
    config = dataclasses.replace(
        load_preset("quick"),
        transfer=TransferConfig(weights="start"),
        distill=DistillConfig(teachers="teacher, orphan, gone"),
    )
    assert gather_terms(config, [info], workspace) == (
        OPEN, CLOSED, FERPLUS, Terms(source="the weights orphan"), Terms(source="the weights gone")
    )  # fmt: skip
    config = dataclasses.replace(load_preset("quick"), transfer=TransferConfig(weights="hub"))
    assert judge_use(gather_terms(config, [info], workspace)) == "unresolved", "timm"


def test_an_import_keeps_what_the_user_states(workspace, tmp_path, capsys):
    from tests.unit.data.pictures import encode, write_tree

    source = write_tree(
        tmp_path / "own",
        {f"{name}/{n}.png": encode(n, size=(32, 32)) for n in range(6) for name in ("happy", "sad")},
    )
    stated = ["--licence", "CC BY 4.0", "--pictures-from", "my phone"]
    assert main(["import", str(source), "--name", "own", *stated]) == 0
    assert "own: CC BY 4.0" in capsys.readouterr().out
    (terms,) = load_dataset_info(workspace.dataset("own")).terms
    assert (terms.pictures, terms.commercial) == ("my phone", "yes")
