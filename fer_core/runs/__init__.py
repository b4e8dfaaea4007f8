"""Run folders: layout, writer, reader. No torch in here."""
