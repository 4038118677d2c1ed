"""Engines of others, each a process on the loopback interface that tests start and stop.

HAPI (Java 17, built by Maven from tests/hapi) gives an instance validator and a JPA server on a
database in memory; Medplum (Node 20, from npm) gives a validator and a server in memory. Heaps
are small and one core is used, so that a whole suite fits beside other work.
"""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

HERE = Path(__file__).resolve().parent
HAPI = HERE.parent / "hapi"
SCHEMAS = HERE.parents[1] / "schemas"
FR_CORE = "https://hl7.fr/ig/fhir/core/"
READY_SECONDS = 240
JAVA = ("java", "-XX:ActiveProcessorCount=1", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")


@dataclass(frozen=True)
class Message:
    """One finding of an independent validator; `severity` is FHIR's issue severity."""

    severity: str
    code: str
    location: str
    text: str

    @property
    def is_fault(self) -> bool:
        return self.severity in {"error", "fatal"}


@dataclass(frozen=True)
class HapiValidator:
    """HAPI's validator at `url`; `fr_core` tells whether that package is loaded."""

    url: str
    fr_core: bool

    def faults(self, resource: str) -> tuple[Message, ...]:
        """Errors in a resource given as FHIR JSON text.

        Without FR Core its definitions are merely unknown: that is no fault of the resource.
        """
        unknown = {"Validation_VAL_Profile_Unknown", "Extension_EXT_Unknown_NotHere"}
        return tuple(
            message
            for message in self.messages(resource)
            if message.is_fault
            and (self.fr_core or message.code not in unknown or FR_CORE not in message.text)
        )

    def messages(self, resource: str) -> tuple[Message, ...]:
        """All that HAPI says of a resource given as FHIR JSON text."""
        answer = httpx.post(self.url, content=resource.encode(), timeout=120)
        answer.raise_for_status()
        return tuple(
            Message(**{name: text or "" for name, text in message.items()})
            for message in answer.json()
        )


class EngineFailed(Exception):
    """An engine could not be built or did not start; the text is the end of what it said."""


@contextmanager
def hapi_validator(fr_core: Path | None) -> Iterator[HapiValidator]:
    """HAPI's validator with base R4, our own definitions and, when given, FR Core's package."""
    sources = [str(SCHEMAS), str(HAPI / "terminology")]
    if fr_core is not None:
        sources.append(str(fr_core))
    with _serving([*JAVA, "-Xmx1g", *_hapi("Validator"), *sources], HAPI) as port:
        yield HapiValidator(f"http://127.0.0.1:{port}/", fr_core is not None)


@contextmanager
def hapi_server() -> Iterator[str]:
    """Base URL of an empty HAPI JPA server."""
    with _serving([*JAVA, "-Xmx1200m", *_hapi("Server")], HAPI) as port:
        yield f"http://127.0.0.1:{port}/fhir"


@contextmanager
def medplum() -> Iterator[str]:
    """Origin of an empty Medplum: `/fhir` is its server, `/validate` its validator."""
    if not (HERE / "node_modules").is_dir():
        _run(["npm", "ci", "--no-fund", "--no-audit"], HERE)
    with _serving(["node", "medplum.mjs"], HERE) as port:
        yield f"http://127.0.0.1:{port}"


def medplum_messages(origin: str, resource: str) -> tuple[Message, ...]:
    """What Medplum's validator says of a resource given as FHIR JSON text."""
    answer = httpx.post(f"{origin}/validate", content=resource.encode(), timeout=120)
    answer.raise_for_status()
    return tuple(
        Message(
            severity=issue["severity"],
            code=issue["code"],
            location=", ".join(issue.get("expression", ())),
            text=issue.get("details", {}).get("text", ""),
        )
        for issue in answer.json()
    )


def _hapi(main: str) -> list[str]:
    """Class path and main class of a HAPI process; built where its sources are newer."""
    built = HAPI / "target" / "classpath.txt"
    sources = [HAPI / "pom.xml", *(HAPI / "src").rglob("*.*")]
    newest = max(source.stat().st_mtime for source in sources)
    if not built.is_file() or built.stat().st_mtime < newest:
        try:
            _run(["mvn", "-q", "-B", "-o", "compile"], HAPI)
        except EngineFailed:
            _run(["mvn", "-q", "-B", "compile"], HAPI)
        built.touch()
    classes = f"target/classes:{built.read_text(encoding='utf-8').strip()}"
    return ["-cp", classes, f"example.reprise.{main}"]


def _run(command: list[str], folder: Path) -> None:
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    except FileNotFoundError as missing:
        raise EngineFailed(f"{command[0]} is not installed") from missing
    if done.returncode:
        raise EngineFailed((done.stdout + done.stderr)[-2000:])


@contextmanager
def _serving(command: list[str], folder: Path) -> Iterator[int]:
    """Run `command` until the block ends; yields the port it says it is ready on."""
    with tempfile.TemporaryDirectory() as scratch:
        said = Path(scratch) / "output"
        with said.open("wb") as output:
            process = subprocess.Popen(command, cwd=folder, stdout=output, stderr=subprocess.STDOUT)
        try:
            yield _ready(process, said)
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _ready(process: subprocess.Popen[bytes], said: Path) -> int:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        for line in said.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("READY "):
                return int(line.split()[1])
        time.sleep(0.2)
    raise EngineFailed(said.read_text(encoding="utf-8", errors="replace")[-2000:])
