"""Templates of notes that an admin writes: checked when they are read, and with only the note's parts in reach."""

from __future__ import annotations

import difflib
import traceback
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from psa_copilot.models import Ticket
from psa_copilot.text.delicate import is_delicate
from psa_copilot.text.draft import PARTS, Draft

if TYPE_CHECKING:
    import jinja2

TICKET = ("number", "title", "board", "status", "priority", "category", "company", "contact", "assignee")
FILE_ENDINGS = (".j2", ".jinja", ".txt")
_NAME = "<template>"


def is_file_name(value: str) -> bool:
    """Whether this names a file with a template, and is none itself."""
    return "\n" not in value and "{" not in value and value.endswith(FILE_ENDINGS)


class Template(BaseModel):
    """The text of one template, and the file that it came from."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    text: str
    file: str = ""

    def written(self, draft: Draft, ticket: Ticket) -> str:
        """The note as the template puts it; ValueError names the line that cannot."""
        return self._rendered(draft.purpose, draft.values(), _shown(ticket))

    def check(self, purpose: str) -> None:
        """ValueError names file, line and mend of what is wrong with it, whatever a note will hold."""
        self._compiled(purpose)
        parts = ("first", *PARTS[purpose])
        for said in ("said [#1].", ""):
            self._rendered(purpose, dict.fromkeys(parts, said), dict.fromkeys(TICKET, said))

    def _rendered(self, purpose: str, parts: dict[str, str], ticket: dict[str, str]) -> str:
        template = self._compiled(purpose)
        try:
            return template.render(parts | {"ticket": ticket})
        # A template may do anything that its language allows, and fail in as many ways.
        except Exception as exc:
            lines = [frame.lineno for frame in traceback.extract_tb(exc.__traceback__) if frame.filename == _NAME]
            raise ValueError(self._says(lines[-1] if lines else 1, f"{exc}; {_known(purpose)}")) from exc

    def _compiled(self, purpose: str) -> jinja2.Template:
        try:
            return _compiled(purpose, self.text)
        except _Wrong as exc:
            raise ValueError(self._says(exc.line, str(exc))) from exc

    def _says(self, line: int | None, what: str) -> str:
        return f"{self.file or 'template'}, line {line or 1}: {' '.join(what.split())}"


def _from_text(value: Any) -> Any:
    return {"text": value} if isinstance(value, str) else value


def _template(purpose: str) -> Any:
    return Field(None, description=f"What a note of purpose {purpose} looks like: Jinja2, or the name of a file of it.")


One = Annotated[Template, BeforeValidator(_from_text)]


class Templates(BaseModel):
    """The notes that look as the admin says; the others look as they always do."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    recap: One | None = _template("recap")
    handoff: One | None = _template("hand-off")
    resolution: One | None = _template("resolution")

    @model_validator(mode="after")
    def _all_work(self) -> Self:
        for name in type(self).model_fields:
            template: Template | None = getattr(self, name)
            if template:
                template.check("hand-off" if name == "handoff" else name)
        return self

    def of(self, purpose: str) -> Template | None:
        """The template of notes with that purpose."""
        found: Template | None = getattr(self, purpose.replace("-", ""), None)
        return found


class _Wrong(Exception):
    """What is wrong with a template, and where."""

    def __init__(self, line: int, what: str) -> None:
        super().__init__(what)
        self.line = line


@lru_cache(maxsize=64)
def _compiled(purpose: str, text: str) -> jinja2.Template:
    import jinja2
    from jinja2 import meta, nodes
    from jinja2.sandbox import SandboxedEnvironment

    # Notes are plain text: escaping would put &amp; into a PSA.
    environment = SandboxedEnvironment(
        autoescape=False,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    try:
        tree = environment.parse(text)
    except jinja2.TemplateSyntaxError as exc:
        raise _Wrong(exc.lineno, f"{exc.message or 'is no template'}; see the Jinja2 syntax, or leave it out") from exc
    known = ("first", "ticket", *PARTS[purpose])
    for name in sorted(meta.find_undeclared_variables(tree) - set(known)):
        line = next((node.lineno for node in tree.find_all(nodes.Name) if node.name == name), 1)
        raise _Wrong(line, f"there is no {name!r}{_near(name, known)}; {_known(purpose)}")
    return environment.from_string(text)


def _near(name: str, known: tuple[str, ...]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return f", did you mean {close[0]}?" if close else ""


def _known(purpose: str) -> str:
    return f"known: first, {', '.join(PARTS[purpose])}, ticket ({', '.join(TICKET)})"


def _shown(ticket: Ticket) -> dict[str, str]:
    fields = {name: str(getattr(ticket, name)) for name in TICKET}
    return fields | {"title": "(personal matter)"} if is_delicate(ticket.title) else fields
