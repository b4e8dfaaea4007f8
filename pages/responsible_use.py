"""Responsible use: what the program reads, what the law says, consent, licences, bias, and what is kept."""

from app.responsible_use import sections as responsible
from app.shared.page_header import page_header
from fer_core.workspace import Workspace


def main() -> None:
    page_header(
        "Responsible use",
        "The program reads **apparent expressions**, not feelings. What follows from that, and what happens "
        "to pictures of people.",
    )
    responsible.render(Workspace.default())


if __name__ == "__main__":
    main()
