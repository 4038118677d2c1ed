"""Send validated bundles to a FHIR server, once, whatever happens on the way.

Every write can be repeated: actors with an identifier are created on condition, everything else
is PUT under an id that never changes. Before a write the server's own state is read and compared
three ways (what we left there, what is there, what we have now), so that nothing is sent twice,
nothing that was edited in the record is overwritten, and a sender that was killed goes on where
the server is, not where its memory is. Writes of one patient are made one after the other.
"""

from __future__ import annotations

import base64
import datetime as dt
import re
import secrets
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Lock
from typing import Any, Final

import httpx

from pipeline.errors import UsageError
from pipeline.fhir import systems
from pipeline.fhir.checking import problems
from pipeline.model import Frozen
from pipeline.reimport.assignment import (
    Assignment,
    Decision,
    Policy,
    assign,
    decide,
    recall,
    remember,
)
from pipeline.reimport.bundles import (
    Entry,
    digest,
    encoded,
    entries_of,
    holds,
    known_places,
    load,
    patient_entry,
    patient_of,
    placed,
    references_in,
    title_of,
    validated,
)
from pipeline.reimport.client import (
    Answer,
    Client,
    Patience,
    Target,
    entry_status,
    outcome_text,
    parse_etag,
    parse_location,
    problem_of,
)
from pipeline.reimport.errors import (
    AccessDenied,
    Action,
    NotAFhirServer,
    NotValidated,
    PatientUndecided,
    RecordDiffers,
    ServerFault,
    ServerProblem,
    ServerSilent,
    SeveralActors,
    UntrustedServer,
    VersionConflict,
)
from pipeline.reimport.matching import compare, is_clear, known_patient, traits_of
from pipeline.reimport.receipts import (
    ACTORS,
    Delivery,
    Effect,
    Receipt,
    Sent,
    read_receipt,
    receipts_folder,
    sole_sender,
    write_receipt,
)
from pipeline.reimport.reconciliation import Reconciliation, reconcile, write_report
from pipeline.reimport.roster import kept_roster, search_roster
from pipeline.reimport.withdrawing import delete_unedited

Json = dict[str, Any]

# Entries of one transaction: Medplum refuses more than 50 updates.
TRANSACTION_ENTRIES: Final = 50
# Patients at once, unless asked otherwise.
PARALLEL: Final = 4
# Tries after the server said that something changed between our reading and our writing.
CONFLICT_TRIES: Final = 4
# Problems that the next document would meet as well.
_EVERYWHERE: Final = (AccessDenied, NotAFhirServer, UntrustedServer)


class Outcome(Frozen):
    """What a send did, or would do (`dry_run`): a receipt for each document, and the count.

    `assignments` say whose each document is; those without a decision are `questions`.
    """

    batch: str
    dry_run: bool
    receipts: tuple[Receipt, ...]
    assignments: tuple[Assignment, ...]
    reconciliation: Reconciliation | None

    @property
    def questions(self) -> tuple[Assignment, ...]:
        return tuple(a for a in self.assignments if a.decision is None)


@dataclass
class _Run:
    """What the documents of one send share."""

    client: Client
    folder: Path
    batch: str
    dry_run: bool
    now: Callable[[], dt.datetime]
    bundles: Mapping[str, Path]
    decisions: dict[str, Decision]
    # What the server did not hold when the send began, of documents never sent before.
    absent: set[str]
    lock: Lock = field(default_factory=Lock)
    actor_locks: dict[str, Lock] = field(default_factory=lambda: defaultdict(Lock))
    actors: dict[str, Sent] = field(default_factory=dict)
    patients: dict[str, tuple[str | None, Sent | None]] = field(default_factory=dict)
    # New patients who are there now. Until this is kept, a try again finds them as they are.
    settled: list[Decision] = field(default_factory=list)
    stop: Event = field(default_factory=Event)
    reason: ServerProblem | None = None


@dataclass
class _Progress:
    """How far one document has come: what the server holds of it by fullUrl, and the tries.

    `withdrawn` says that we took it back ourselves, so that its tombstones are ours.
    """

    patient: str | None = None
    title: str = ""
    bundle: str = ""
    withdrawn: bool = False
    done: dict[str, Sent] = field(default_factory=dict)
    tries: int = 0


def send(
    out: Path,
    target: Target,
    policy: Policy,
    *,
    dry_run: bool = False,
    parallel: int = PARALLEL,
    patience: Patience | None = None,
    transport: httpx.BaseTransport | None = None,
    on_receipt: Callable[[Receipt], None] | None = None,
    on_wait: Callable[[ServerProblem, float], None] | None = None,
    now: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC),
) -> Outcome:
    """Send every bundle in `OUT/validated` to `target` and read back what it holds.

    Documents whose patient nobody has decided on, that were edited since, or that the server
    refuses are held with one French sentence; the others go on. Run again to resume. A dry run
    reads the server and writes nothing, there or here. `on_receipt` hears of each document as it
    is done, `on_wait` of each wait for the server. Raises `UsageError` when nothing was validated,
    `AlreadySending`, `InsecureTarget`, and the `ServerProblem` of a target that cannot be reached
    at all.
    """
    folder = receipts_folder(out, target.base_url)
    bundles = validated(out)
    batch = f"{now():%Y%m%dT%H%M%SZ}-{secrets.token_hex(2)}"
    with (
        sole_sender(folder),
        Client(target, patience or Patience(), transport, on_wait) as client,
    ):
        decisions = recall(folder)
        papers = _papers(bundles)
        assignments = _assignments(client, out, papers, decisions, policy, now())
        fresh = [a.decision for a in assignments if a.decision and a.key not in decisions]
        if fresh and not dry_run:
            remember(folder, fresh)
        decisions.update((decision.key, decision) for decision in fresh)
        new = [paper for name, paper in papers.items() if read_receipt(folder, name) is None]
        absent = client.absent(reference for paper in new for reference in paper.references)
        run = _Run(client, folder, batch, dry_run, now, bundles, decisions, absent)
        assigned = {assignment.document: assignment for assignment in assignments}
        groups: dict[str, list[str]] = defaultdict(list)
        for document in bundles:
            assignment = assigned.get(document)
            groups[_patient_of(assignment) if assignment else document].append(document)

        def work(group: Sequence[str]) -> list[Receipt]:
            receipts = []
            for document in group:
                receipt = _deliver(run, document, assigned.get(document))
                receipts.append(receipt)
                if on_receipt is not None:
                    on_receipt(receipt)
            return receipts

        with ThreadPoolExecutor(max_workers=parallel) as pool:
            try:
                receipts = tuple(
                    receipt for done in pool.map(work, groups.values()) for receipt in done
                )
            except BaseException:
                run.stop.set()
                raise
            finally:
                if run.settled:
                    remember(folder, run.settled)
        receipts = tuple(sorted(receipts, key=lambda receipt: receipt.document))
        reconciliation = None
        if not dry_run:
            reconciliation = reconcile(client, batch, receipts, _conditions(run), now())
            write_report(folder, reconciliation)
            receipts = _without_missing(folder, receipts, reconciliation)
    return Outcome(
        batch=batch,
        dry_run=dry_run,
        receipts=receipts,
        assignments=assignments,
        reconciliation=reconciliation,
    )


def _without_missing(
    folder: Path, receipts: tuple[Receipt, ...], reconciliation: Reconciliation
) -> tuple[Receipt, ...]:
    """The receipts, those of which something was not found again put down to be sent again."""
    missing = {line.document: set(line.missing) for line in reconciliation.lines if line.missing}
    if not reconciliation.checked or not missing:
        return receipts
    kept = []
    for receipt in receipts:
        lost = missing.get(receipt.document, set())
        if lost:
            left = tuple(sent for sent in receipt.resources if sent.reference not in lost)
            receipt = receipt.model_copy(
                update={
                    "delivery": Delivery.WAITING,
                    "resources": left,
                    "sentence": "Une partie n'a pas été retrouvée à la relecture : renvoyez.",
                    "code": "absent-a-la-relecture",
                }
            )
            write_receipt(folder, receipt)
        kept.append(receipt)
    return tuple(kept)


def questions(
    out: Path,
    target: Target,
    policy: Policy,
    *,
    transport: httpx.BaseTransport | None = None,
    now: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC),
) -> tuple[Assignment, ...]:
    """Every validated document with its patient as decided or proposed; nothing is written."""
    folder = receipts_folder(out, target.base_url)
    bundles = validated(out)
    with Client(target, transport=transport) as client:
        return _assignments(client, out, _papers(bundles), recall(folder), policy, now())


def choose(
    out: Path,
    target: Target,
    document: str,
    reference: str | None,
    who: str,
    *,
    transport: httpx.BaseTransport | None = None,
    now: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC),
) -> tuple[str, ...]:
    """Record that `document` is of the patient at `reference`, or of a new one when that is None.

    Returns the documents that this decides on: all those of the same identity. Raises `UsageError`
    for a document or a reference that is none, `PatientUndecided` when the server has no such
    patient.
    """
    if reference is not None and _PATIENT.fullmatch(reference) is None:
        raise UsageError("Un patient se désigne par « Patient/… », ou par « nouveau ».")
    assignments = questions(out, target, Policy(who=who), transport=transport, now=now)
    chosen = next((a for a in assignments if a.document == document), None)
    if chosen is None:
        raise UsageError(f"Aucun document validé ne porte l'identifiant {document}.")
    if reference is not None:
        with Client(target, transport=transport) as client:
            _existing_patient(client, reference)
    decide(receipts_folder(out, target.base_url), chosen, reference, who, now())
    return tuple(a.document for a in assignments if a.key == chosen.key)


def titles(out: Path) -> dict[str, str]:
    """What people call each validated document, by its id: kind and day."""
    said = {}
    for document, path in validated(out).items():
        with suppress(NotValidated):
            said[document] = title_of(load(path))
    return said


# A patient of the server, or the search that finds one (as an imported list gives it).
_PATIENT: Final = re.compile(r"Patient/[A-Za-z0-9.-]{1,64}|Patient\?identifier=\S+")


@dataclass(frozen=True)
class _Paper:
    """What must be known of every document before any is sent."""

    patient: Json
    references: tuple[str, ...]


def _papers(bundles: Mapping[str, Path]) -> dict[str, _Paper]:
    papers = {}
    for document, path in bundles.items():
        try:
            bundle = load(path)
        except NotValidated:
            continue  # its receipt will say so
        urls = [entry.get("request", {}).get("url", "") for entry in bundle.get("entry", ())]
        papers[document] = _Paper(patient_of(bundle), tuple(url for url in urls if "/" in url))
    return papers


def _assignments(
    client: Client,
    out: Path,
    papers: Mapping[str, _Paper],
    decisions: Mapping[str, Decision],
    policy: Policy,
    when: dt.datetime,
) -> tuple[Assignment, ...]:
    patients = {document: paper.patient for document, paper in papers.items()}
    asking = policy.model_copy(update={"create_unmatched": False})
    first = assign(patients, kept_roster(out), decisions, asking, when)
    # Whom the imported list does not know, the server may.
    strangers = [a for a in first if a.decision is None and not a.proposal.candidates]
    if not strangers:
        return first
    known = search_roster(client, [a.traits for a in {a.key: a for a in strangers}.values()])
    taken = {**decisions, **{a.key: a.decision for a in first if a.decision is not None}}
    left = {a.document: patients[a.document] for a in strangers}
    second = {a.document: a for a in assign(left, known, taken, policy, when)}
    return tuple(second.get(a.document, a) for a in first)


def _patient_of(assignment: Assignment) -> str:
    """What two documents of one patient have in common, whatever their identities say."""
    decision = assignment.decision
    if decision is None:
        return assignment.document
    return decision.reference or f"#{decision.first}"


# --- one document ---------------------------------------------------------------------------


def _deliver(run: _Run, document: str, assignment: Assignment | None) -> Receipt:
    before = read_receipt(run.folder, document)
    progress = _Progress()
    if before is not None:
        withdrawn = before.delivery is Delivery.WITHDRAWN
        progress = _Progress(before.patient, before.title, before.bundle, withdrawn)
    problem: ServerProblem | None = None
    try:
        if run.stop.is_set():
            raise run.reason or ServerSilent()
        bundle = load(run.bundles[document])
        progress.title = title_of(bundle)
        if assignment is None:
            raise NotValidated
        _check_sound(bundle, progress)
        _deliver_entries(run, assignment, entries_of(bundle), before, progress)
    except ServerProblem as met:
        problem = met
        if isinstance(met, _EVERYWHERE) or met.action is Action.RETRY:
            run.reason = run.reason or met
            run.stop.set()
    receipt = _receipt(run, document, before, progress, problem)
    if not run.dry_run and receipt != before:
        write_receipt(run.folder, receipt)
    return receipt


def _receipt(
    run: _Run,
    document: str,
    before: Receipt | None,
    progress: _Progress,
    problem: ServerProblem | None,
) -> Receipt:
    # What an earlier run left on the server stays on record until the server says otherwise.
    resources = {**_earlier(before), **progress.done}
    delivery = Delivery.SENT
    if problem is not None:
        delivery = {
            Action.RETRY: Delivery.WAITING,
            Action.ASK: Delivery.HELD,
            Action.REFUSE: Delivery.REFUSED,
        }[problem.action]
    changed = {Effect.CREATE, Effect.UPDATE, Effect.REMOVED} & {
        sent.effect for sent in progress.done.values()
    }
    unchanged = (
        before is not None
        and not changed
        and delivery is before.delivery
        and (problem.code if problem else "") == before.code
    )
    return Receipt(
        document=document,
        title=progress.title,
        target=run.client.target.base_url,
        delivery=delivery,
        batch=before.batch if before is not None and not changed else run.batch,
        when=before.when if before is not None and unchanged else run.now(),
        patient=progress.patient,
        resources=tuple(resources.values()),
        sentence=problem.sentence if problem else "",
        code=problem.code if problem else "",
        status=problem.status if problem else None,
        answer=problem.said if problem else "",
        tries=progress.tries,
        bundle=progress.bundle,
    )


def _deliver_entries(
    run: _Run,
    assignment: Assignment,
    entries: Sequence[Entry],
    before: Receipt | None,
    progress: _Progress,
) -> None:
    """Bring the server to hold `entries`; says in `progress` what it holds."""
    decision = assignment.decision
    if decision is None:
        raise PatientUndecided(assignment.proposal.sentence or None)
    earlier = _earlier(before)
    done = progress.done
    places = known_places(entries)
    own = patient_entry(entries)
    patient, made = _resolve_patient(run, decision, entries, assignment)
    places.pop(own.full_url, None)
    if patient is not None:
        places[own.full_url] = patient
    progress.patient = patient
    if made is not None:
        done[own.full_url] = _still_ours(made, own.full_url, earlier)
    elif own.full_url in earlier:
        done[own.full_url] = earlier[own.full_url].model_copy(update={"effect": Effect.SAME})

    rest = [entry for entry in entries if entry is not own]
    plain = {entry.full_url: entry for entry in rest if entry.condition is None}
    people = {url for url, entry in plain.items() if entry.kind in ACTORS}
    conditional = [entry for entry in rest if entry.condition is not None]
    actors = {entry.full_url for entry in conditional}
    # A conditional actor may refer to another, or to one that is PUT: those come before it. (Its
    # evidence refers to the scan, which comes after and refers back.)
    conditional.sort(key=lambda entry: len(references_in(entry.resource) & actors))
    needed = set().union(*(references_in(entry.resource) & people for entry in conditional))
    _write(run, [plain[url] for url in plain if url in needed], places, earlier, progress)
    for entry in conditional:
        sent = _resolve_actor(run, entry, places)
        done[entry.full_url] = _still_ours(sent, entry.full_url, earlier)
        if sent.reference:
            places[entry.full_url] = sent.reference
    left = [plain[url] for url in plain if url not in needed]
    _write(run, left, places, earlier, progress)
    _take_out(run, {entry.full_url for entry in entries}, earlier, progress)


def _earlier(before: Receipt | None) -> dict[str, Sent]:
    """What an earlier run left on the server, by fullUrl."""
    if before is None or before.delivery is Delivery.WITHDRAWN:
        return {}
    return {sent.full_url: sent for sent in before.resources}


def _still_ours(sent: Sent, full_url: str, earlier: Mapping[str, Sent]) -> Sent:
    """`sent` under this document's own fullUrl; what we made in an earlier run remains ours."""
    old = earlier.get(full_url)
    ours = sent.ours or (old is not None and old.ours and old.reference == sent.reference)
    return sent.model_copy(update={"full_url": full_url, "ours": ours})


# --- the patient ----------------------------------------------------------------------------


def _resolve_patient(
    run: _Run, decision: Decision, entries: Sequence[Entry], assignment: Assignment
) -> tuple[str | None, Sent | None]:
    """The patient on the server and, when this software made it, what was sent.

    One patient's documents are handled by one thread, so this is asked once for each.
    """
    key = _patient_of(assignment)
    with run.lock:
        known = run.patients.get(key)
    if known is None:
        if decision.reference is not None:
            known = (_existing_patient(run.client, decision.reference), None)
        else:
            known = _new_patient(run, decision, entries, assignment)
        with run.lock:
            run.patients[key] = known
    reference, made = known
    return reference, made if decision.first == assignment.document else None


def _existing_patient(client: Client, reference: str) -> str:
    """Where the server keeps a patient who was decided on. Raises `PatientUndecided`."""
    if "?" in reference:
        found = _find(client, reference)
        if found is None:
            raise PatientUndecided("Le patient choisi n'existe pas sur le serveur : à vérifier.")
        return found
    answer = client.read_many([reference], "id,active,link")[reference]
    if isinstance(answer, int):
        raise PatientUndecided("Le patient choisi n'existe plus sur le serveur : à vérifier.")
    return reference


def _new_patient(
    run: _Run, decision: Decision, entries: Sequence[Entry], assignment: Assignment
) -> tuple[str | None, Sent | None]:
    """Create the patient from the paper of the document that the decision names.

    The identifier is of that paper, so that trying again finds the same resource. If the server
    has another person under it, a person decides.
    """
    named = run.bundles.get(decision.first or "")
    if decision.first != assignment.document and named is not None:
        entries = entries_of(load(named))
    source = patient_entry(entries)
    places = known_places(entries)
    if source.condition is None:
        progress = _Progress()
        _write(run, [source], places, {}, progress)
        sent = progress.done[source.full_url]
    else:
        sent = _resolve_actor(run, source, places)
    if sent.effect is Effect.FOUND:
        held = run.client.read_many([sent.reference])[sent.reference]
        if isinstance(held, int):
            raise VersionConflict(status=held)
        weighed = compare(traits_of(source.resource), known_patient(held))
        if not is_clear(weighed) and not holds(held, placed(source.resource, places)):
            raise PatientUndecided(
                "Le serveur connaît déjà cet identifiant sous une autre identité : à vérifier."
            )
    if sent.reference and not run.dry_run:
        with run.lock:
            run.settled.extend(
                kept.model_copy(update={"reference": sent.reference})
                for kept in run.decisions.values()
                if kept.first == decision.first and kept.reference is None
            )
    return sent.reference or None, sent


# --- actors ---------------------------------------------------------------------------------


def _resolve_actor(run: _Run, entry: Entry, places: Mapping[str, str]) -> Sent:
    """The one resource with the actor's identifier, created when there is none yet."""
    key = f"{entry.kind}?{entry.condition}"
    with run.lock:
        lock = run.actor_locks[key]
    with lock:
        if key not in run.actors:
            run.actors[key] = _ask_actor(run, entry, key, places)
            return run.actors[key]
        return run.actors[key].model_copy(update={"effect": Effect.FOUND, "ours": False})


def _ask_actor(run: _Run, entry: Entry, key: str, places: Mapping[str, str]) -> Sent:
    resource = placed(entry.resource, places)
    version, created = None, False
    if run.dry_run:
        reference = _find(run.client, key)
        created = reference is None
    else:
        answer = _create_on_condition(run.client, entry, resource)
        created = answer.status == httpx.codes.CREATED
        version = answer.version
        reference = answer.reference or _find(run.client, key)
    return Sent(
        full_url=entry.full_url,
        reference=reference or "",
        version=version,
        digest=digest(resource),
        # An identifier made of the scan's hash is nobody else's, whoever saw the first answer.
        ours=created or systems.ENTITY_NAMES in key,
        effect=Effect.CREATE if created else Effect.FOUND,
    )


def _find(client: Client, query: str) -> str | None:
    """The one resource that a search finds, None for none. Raises `SeveralActors`."""
    found = client.search(f"{encoded(query)}&_elements=id&_count=3")
    if len(found) > 1:
        raise SeveralActors
    return f"{found[0]['resourceType']}/{found[0]['id']}" if found else None


def _create_on_condition(client: Client, entry: Entry, resource: Json) -> Answer:
    headers = {"If-None-Exist": encoded(entry.condition or "")}
    conflicts = 0
    while True:
        try:
            return client.repeat("POST", entry.kind, resource, headers)
        except VersionConflict as conflict:
            if conflict.status == httpx.codes.PRECONDITION_FAILED:
                raise SeveralActors(status=conflict.status, said=conflict.said) from conflict
            # 409: someone else is creating it at this moment.
            conflicts += 1
            if conflicts >= CONFLICT_TRIES:
                raise
            client.wait(conflicts, conflict)


def _conditions(run: _Run) -> dict[str, str]:
    """The search that must find exactly one, for each actor that was created on condition."""
    return {
        sent.reference: encoded(key) for key, sent in sorted(run.actors.items()) if sent.reference
    }


# --- everything else ------------------------------------------------------------------------


def _write(
    run: _Run,
    entries: Sequence[Entry],
    places: Mapping[str, str],
    earlier: Mapping[str, Sent],
    progress: _Progress,
) -> None:
    """PUT what the server does not hold yet; reads before every try, so that it says what to do.

    Says in `progress` what the server holds in the end. Raises `RecordDiffers` before anything is
    written when the record says something else than what we left there.
    """
    pairs = [(entry, placed(entry.resource, places)) for entry in entries]
    done = progress.done
    conflicts, tried = 0, 0
    while pairs:
        tried += 1
        progress.tries += 1
        planned = _plan(run, pairs, earlier, progress.withdrawn)
        done.update((sent.full_url, sent) for _, sent in planned)
        if any(sent.effect is Effect.CONFLICT for _, sent in planned):
            raise RecordDiffers
        writes = [
            (resource, sent)
            for resource, sent in planned
            if sent.effect in {Effect.CREATE, Effect.UPDATE}
        ]
        if not writes or run.dry_run:
            return
        try:
            stated = [pair for pair in writes if not _is_binary(pair[0])]
            for start in range(0, len(stated), TRANSACTION_ENTRIES):
                part = stated[start : start + TRANSACTION_ENTRIES]
                done.update((sent.full_url, sent) for sent in _transact(run.client, part))
            # After the document that it belongs to, whose rules of access it follows.
            for resource, sent in writes:
                if _is_binary(resource):
                    done[sent.full_url] = _upload(run.client, resource, sent)
            return
        except VersionConflict as problem:
            conflicts += 1
            _unwritten(done, writes)
            if conflicts >= CONFLICT_TRIES:
                raise
            run.client.wait(conflicts, problem)
        except ServerProblem as problem:
            # What the server made of it, the next reading tells.
            _unwritten(done, writes)
            if problem.action is not Action.RETRY:
                raise
            run.client.wait(tried, problem)


def _take_out(run: _Run, kept: set[str], earlier: Mapping[str, Sent], progress: _Progress) -> None:
    """Delete what the document said when it was last sent, and no longer says.

    Raises `RecordDiffers` when somebody has edited that since: a person decides.
    """
    dropped = [
        sent
        for url, sent in earlier.items()
        if url not in kept
        and sent.effect is not Effect.REMOVED
        and sent.reference.partition("/")[0] not in ACTORS
    ]
    held = run.client.read_many([sent.reference for sent in dropped], "id,meta")
    edited = False
    for sent in dropped:
        there = held[sent.reference]
        changed = not isinstance(there, int) and there["meta"].get("versionId") != sent.version
        edited = edited or changed
        effect = Effect.CONFLICT if changed else Effect.REMOVED
        progress.done[sent.full_url] = sent.model_copy(update={"effect": effect})
    if edited:
        raise RecordDiffers(
            "Une donnée retirée à la relecture a été modifiée dans le dossier : décidez-en là-bas."
        )
    if dropped and not run.dry_run:
        try:
            delete_unedited(run.client, dropped, dict)
        except ServerProblem:
            _unwritten(progress.done, (({}, sent) for sent in dropped))
            raise


def _unwritten(done: dict[str, Sent], writes: Iterable[tuple[Json, Sent]]) -> None:
    for _, sent in writes:
        done.pop(sent.full_url, None)


def _plan(
    run: _Run,
    pairs: Sequence[tuple[Entry, Json]],
    earlier: Mapping[str, Sent],
    withdrawn: bool,
) -> list[tuple[Json, Sent]]:
    references = [entry.reference for entry, _ in pairs if entry.reference]
    with run.lock:
        absent = run.absent.intersection(references)
        # A second look, after a write that may have arrived, is at the server.
        run.absent.difference_update(absent)
    held: dict[str, Json | int] = dict.fromkeys(absent, int(httpx.codes.NOT_FOUND))
    there = [name for name in references if name not in absent]
    # What a scan's own hash names need not come back whole to be known.
    scans = [name for name in there if name.startswith("Binary/")]
    held.update(run.client.read_many([name for name in there if name not in scans]))
    held.update(run.client.read_many(scans, "id,meta,contentType"))
    planned = []
    for entry, resource in pairs:
        reference = entry.reference or ""
        theirs = held[reference]
        if withdrawn and theirs == httpx.codes.GONE:
            theirs = httpx.codes.NOT_FOUND
        sent = _intend(entry, resource, theirs, earlier.get(entry.full_url))
        planned.append((resource, sent))
    return planned


def _intend(entry: Entry, ours: Json, theirs: Json | int, before: Sent | None) -> Sent:
    """What to do with one resource, from what we left, what is there and what we have now."""
    now = digest(ours)
    if before is not None and before.effect is Effect.REMOVED and isinstance(theirs, int):
        # The tombstone is ours: the document says this again.
        before, theirs = None, int(httpx.codes.NOT_FOUND)
    unchanged = before is not None and before.digest == now
    version = None if isinstance(theirs, int) else theirs.get("meta", {}).get("versionId")
    if isinstance(theirs, int):
        if before is None:
            # A tombstone that is not ours: someone removed it on purpose.
            effect = Effect.CREATE if theirs == httpx.codes.NOT_FOUND else Effect.CONFLICT
        elif unchanged and theirs == httpx.codes.GONE:
            effect = Effect.DELETED
        else:
            effect = Effect.CONFLICT
    elif holds(theirs, _without_bytes(ours)):
        effect = Effect.SAME
    elif before is None:
        effect = Effect.CONFLICT
    elif version == before.version:
        effect = Effect.SAME if unchanged else Effect.UPDATE
    else:
        effect = Effect.KEPT if unchanged else Effect.CONFLICT
    return Sent(
        full_url=entry.full_url,
        reference=entry.reference or "",
        version=before.version
        if before is not None and effect in {Effect.KEPT, Effect.DELETED, Effect.CONFLICT}
        else version,
        digest=before.digest if before is not None and effect is Effect.CONFLICT else now,
        ours=True,
        effect=effect,
    )


def _is_binary(resource: Json) -> bool:
    return bool(resource["resourceType"] == "Binary")


def _without_bytes(resource: Json) -> Json:
    """What servers give back of a Binary; other resources as they are."""
    if not _is_binary(resource):
        return resource
    return {name: resource[name] for name in ("resourceType", "id", "contentType")}


def _upload(client: Client, binary: Json, sent: Sent) -> Sent:
    answer = client.upload(
        sent.reference,
        base64.b64decode(binary["data"]),
        binary["contentType"],
        binary["securityContext"]["reference"],
    )
    return sent.model_copy(update={"version": answer.version})


def _transact(client: Client, writes: Sequence[tuple[Json, Sent]]) -> list[Sent]:
    """One transaction of PUTs; what was made of each. Raises the first problem in the answer."""
    bundle: Json = {"resourceType": "Bundle", "type": "transaction", "entry": []}
    for resource, sent in writes:
        request: Json = {"method": "PUT", "url": sent.reference}
        if sent.effect is Effect.UPDATE and sent.version is not None:
            request["ifMatch"] = f'W/"{sent.version}"'
        bundle["entry"].append({"fullUrl": sent.full_url, "resource": resource, "request": request})
    answer = client.once("POST", "", bundle, {"Prefer": "return=minimal"})
    entries = (answer.resource or {}).get("entry", [])
    if len(entries) != len(writes):
        raise ServerFault(status=answer.status)
    results = []
    for (_, sent), entry in zip(writes, entries, strict=True):
        response = entry.get("response", {})
        problem = problem_of(entry_status(entry), None, outcome_text(response))
        if problem is not None:
            raise problem
        results.append(sent.model_copy(update={"version": _version(entry)}))
    return results


def _version(entry: Json) -> str | None:
    response = entry.get("response", {})
    _, located = parse_location(str(response.get("location", "")))
    stored = (entry.get("resource") or {}).get("meta", {}).get("versionId")
    version = parse_etag(str(response.get("etag", ""))) or located or stored
    return None if version is None else str(version)


def _check_sound(bundle: Json, progress: _Progress) -> None:
    """Our own checks, unless this very content has passed them. Raises `NotValidated`."""
    content = digest(bundle)
    if content == progress.bundle:
        return
    if problems(bundle):
        raise NotValidated(
            "Ce document ne passe pas nos contrôles : validez-le à nouveau avant l'envoi."
        )
    progress.bundle = content
