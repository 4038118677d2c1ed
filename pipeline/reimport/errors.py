"""What can go wrong between us and a target server.

ReimportError (6)        code                       what to do
├── ServerSilent         serveur-muet               retry    no answer, or cut in the middle
├── ServerBusy           serveur-occupe             retry    429, 503 (honours Retry-After)
├── ServerFault          serveur-en-panne           retry    408, 425, 500, 502, 504
├── VersionConflict      version-differente         ask      409, 412
├── AccessDenied         acces-refuse               ask      401, 403, token refused
├── TooLarge             envoi-trop-lourd           ask      413, 507
├── PatientUndecided     patient-a-choisir          ask      none or several could be meant
├── RecordDiffers        dossier-different          ask      the record says something else
├── SeveralActors        identifiant-en-double      ask      one identifier, several resources
├── ContentRefused       contenu-refuse             refuse   400, 422
├── NotAFhirServer       adresse-fhir               refuse   404, 405, 3xx, 501, not FHIR
├── UntrustedServer      certificat                 refuse   TLS cannot be verified
├── InsecureTarget       adresse-non-chiffree       refuse   http beyond this machine
├── NotValidated         non-valide                 refuse   a bundle nobody validated
├── AlreadySending       envoi-en-cours             refuse   another sender has this folder
├── RosterUnreadable     liste-illisible            refuse   the patients' file
└── RosterColumns        liste-colonnes             refuse   no column for name and birth date
"""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar

from pipeline.errors import ReimportError


class Action(StrEnum):
    """What a failure asks for: try again, put a question to a person, or stop there."""

    RETRY = "retry"
    ASK = "ask"
    REFUSE = "refuse"


class ServerProblem(ReimportError):
    """A failure of one exchange; `status` is the HTTP status where there was an answer.

    `said` holds the server's own words (OperationOutcome). They may name a patient: they go into
    the receipt only, never into a message or a log.
    """

    action: ClassVar[Action] = Action.REFUSE

    def __init__(
        self,
        sentence: str | None = None,
        *,
        status: int | None = None,
        said: str = "",
        retry_after: float | None = None,
    ) -> None:
        super().__init__(sentence)
        self.status = status
        self.said = said
        self.retry_after = retry_after


class ServerSilent(ServerProblem):
    code = "serveur-muet"
    retryable = True
    action = Action.RETRY
    sentence = "Le serveur n'a pas répondu jusqu'au bout : vérifiez le réseau, l'envoi reprendra."


class ServerBusy(ServerProblem):
    code = "serveur-occupe"
    retryable = True
    action = Action.RETRY
    sentence = "Le serveur est occupé : l'envoi reprendra quand il sera disponible."


class ServerFault(ServerProblem):
    code = "serveur-en-panne"
    retryable = True
    action = Action.RETRY
    sentence = "Le serveur est en panne : relancez l'envoi plus tard, rien n'est perdu."


class VersionConflict(ServerProblem):
    code = "version-differente"
    action = Action.ASK
    sentence = "Le dossier a changé pendant l'envoi : relisez-le avant d'envoyer à nouveau."


class AccessDenied(ServerProblem):
    code = "acces-refuse"
    action = Action.ASK
    sentence = "Le serveur refuse l'accès : vérifiez les identifiants et les droits d'écriture."


class TooLarge(ServerProblem):
    code = "envoi-trop-lourd"
    action = Action.ASK
    sentence = "Le serveur trouve ce document trop lourd : demandez-lui d'accepter plus grand."


class PatientUndecided(ServerProblem):
    code = "patient-a-choisir"
    action = Action.ASK
    sentence = "Choisissez à quel patient du dossier ce document appartient."


class RecordDiffers(ServerProblem):
    code = "dossier-different"
    action = Action.ASK
    sentence = (
        "Le dossier contient déjà autre chose à cet endroit : comparez les deux avant d'envoyer."
    )


class SeveralActors(ServerProblem):
    code = "identifiant-en-double"
    action = Action.ASK
    sentence = "Plusieurs fiches du serveur portent le même identifiant : fusionnez-les d'abord."


class ContentRefused(ServerProblem):
    code = "contenu-refuse"
    sentence = "Le serveur refuse le contenu de ce document : transmettez son reçu à l'éditeur."


class NotAFhirServer(ServerProblem):
    code = "adresse-fhir"
    sentence = "Cette adresse n'est pas celle d'un serveur FHIR qui accepte l'envoi : vérifiez-la."


class UntrustedServer(ServerProblem):
    code = "certificat"
    sentence = "Le certificat du serveur n'est pas reconnu : rien n'a été envoyé."


class InsecureTarget(ReimportError):
    code = "adresse-non-chiffree"
    sentence = "L'adresse du serveur doit commencer par https:// : rien n'a été envoyé."


class NotValidated(ServerProblem):
    code = "non-valide"
    sentence = "Ce document n'a pas été validé par un soignant : il n'est pas envoyé."


class AlreadySending(ReimportError):
    code = "envoi-en-cours"
    retryable = True
    sentence = "Un autre envoi est en cours depuis ce dossier : attendez qu'il se termine."


class RosterUnreadable(ReimportError):
    code = "liste-illisible"
    sentence = "La liste des patients est illisible : exportez-la en CSV (UTF-8 ou Windows)."


class RosterColumns(ReimportError):
    code = "liste-colonnes"
    sentence = (
        "La liste des patients doit avoir au moins les colonnes nom, prénom et date de naissance."
    )
