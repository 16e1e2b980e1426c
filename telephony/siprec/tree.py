"""An XML document as a tree of local names. Pure.

Namespaces are not resolved: older drafts and vendors have others, or none, or prefixes that they never declare.
"""

import xml.sax
from codecs import BOM_UTF8
from dataclasses import dataclass, field
from xml.sax.handler import ContentHandler
from xml.sax.xmlreader import AttributesImpl

from defusedxml import DefusedXmlException
from defusedxml.sax import parseString

from callscribe.domain.errors import HostileMetadata, MalformedMetadata
from telephony.sip.address import clean

MAX_BYTES = 64 * 1024
MAX_DEPTH = 32
MAX_ELEMENTS = 4096


@dataclass(slots=True)
class Element:
    """An element and what is in it."""

    name: str
    """Local name, lower case."""
    attributes: dict[str, str]
    """By local name, lower case."""
    children: list["Element"] = field(default_factory=list)
    chunks: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """Its own text, fit to be stored."""
        return clean("".join(self.chunks))

    def named(self, *names: str) -> list["Element"]:
        """Its children of these names, in order."""
        return [child for child in self.children if child.name in names]

    def child_text(self, *names: str) -> str:
        """The text of the first of these children that has one."""
        return next((child.text for child in self.named(*names) if child.text), "")

    def id(self, *names: str) -> str:
        """The first of the named attributes, without `urn:uuid:`."""
        return next((bare_id(self.attributes[name]) for name in names if self.attributes.get(name)), "")

    def descendants(self) -> list["Element"]:
        """Every element in it, in document order."""
        found: list[Element] = []
        waiting = self.children[::-1]
        while waiting:
            element = waiting.pop()
            found.append(element)
            waiting.extend(reversed(element.children))
        return found


@dataclass(frozen=True, slots=True)
class Document:
    """A document as far as it could be read."""

    root: Element
    namespace: str
    """Of the root, "" where it has none."""
    whole: bool
    """False where it breaks off, or is no XML from some place on."""


def read_document(data: bytes) -> Document:
    """Read XML; of what is broken, the elements before the break.

    Raises HostileMetadata for what is larger than MAX_BYTES, deeper than MAX_DEPTH or of more than MAX_ELEMENTS
    elements, or declares a DTD or an entity; MalformedMetadata for what has not even a root.
    """
    if len(data) > MAX_BYTES:
        raise HostileMetadata(f"metadata above {MAX_BYTES} bytes")
    builder = _TreeBuilder()
    text = data.strip(b"\0 \t\r\n").removeprefix(BOM_UTF8).lstrip()
    whole = True
    try:
        parseString(text, builder, forbid_dtd=True)
    except DefusedXmlException as error:
        raise HostileMetadata("metadata declares a DTD or an entity") from error
    except (xml.sax.SAXException, ValueError, LookupError) as error:
        if builder.root is None:
            raise MalformedMetadata("metadata is not well-formed XML") from error
        whole = False
    if builder.root is None:
        raise MalformedMetadata("metadata has no element")
    return Document(builder.root, builder.namespace, whole)


def bare_id(text: str) -> str:
    """An id without `urn:uuid:`."""
    return clean(text).removeprefix("urn:uuid:")


class _TreeBuilder(ContentHandler):
    """Builds the tree from SAX events."""

    def __init__(self) -> None:
        super().__init__()
        self.root: Element | None = None
        self.namespace = ""
        self._open: list[Element] = []
        self._count = 0

    def startElement(self, name: str, attrs: AttributesImpl) -> None:  # noqa: N802
        self._count += 1
        if self._count > MAX_ELEMENTS or len(self._open) >= MAX_DEPTH:
            raise HostileMetadata("metadata has too many or too deep elements")
        element = Element(_local(name), {_local(key): value for key, value in attrs.items()})
        if self._open:
            self._open[-1].children.append(element)
        else:
            self.root = element
            prefix = name.rpartition(":")[0]
            self.namespace = dict(attrs.items()).get(f"xmlns:{prefix}" if prefix else "xmlns", "").strip()
        self._open.append(element)

    def endElement(self, name: str) -> None:  # noqa: N802
        self._open.pop()

    def characters(self, content: str) -> None:
        self._open[-1].chunks.append(content)


def _local(name: str) -> str:
    return name.rpartition(":")[2].lower()
