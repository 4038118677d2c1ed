"""One tree of errors.

    RepriseError                     exit  code
    ├── InputError                         a file or page that cannot be used: quarantine
    │   ├── EmptyFile                  3   fichier-vide
    │   ├── UnsupportedFile            3   format-inconnu
    │   ├── CorruptFile                3   fichier-abime
    │   ├── EncryptedFile              3   fichier-protege
    │   ├── NoPage                     3   sans-page
    │   ├── TooManyPixels              3   image-trop-grande
    │   ├── TooSmall                   3   image-trop-petite
    │   ├── OutsideInbox               3   hors-du-dossier
    │   ├── FileChanged                3   fichier-modifie        (retryable)
    │   ├── UnreadablePage             3   page-illisible
    │   ├── NotADocument               3   pas-un-document
    │   └── PageCrashed                3   page-en-echec
    ├── BundleError                    4   bundle-invalide        a draft that our checks refuse
    ├── SetupError                     5   installation           something is missing here
    ├── UsageError                     2   usage                  the command cannot be done so
    ├── ReimportError                  6   reimport               see the reimport room
    └── ReviewError                        a document that cannot be validated so
        ├── Undecided                  7   valeurs-a-decider      doubtful values left
        ├── StaleValue                 7   valeur-modifiee        decided on another value
        └── BadDecision                7   decision-invalide      a decision that makes no sense

Every error has a stable `code`, an exit status, whether trying again may help, and one French
sentence for the person in front of the screen. Messages never hold a patient's value.
"""

from __future__ import annotations

from typing import ClassVar


class RepriseError(Exception):
    """Base of all our errors; `sentence` is French, for people."""

    code: ClassVar[str] = "erreur"
    exit_status: ClassVar[int] = 1
    retryable: ClassVar[bool] = False
    sentence: str = "Une erreur inattendue s'est produite."

    def __init__(self, sentence: str | None = None) -> None:
        if sentence is not None:
            self.sentence = sentence
        super().__init__(self.sentence)

    def __reduce__(self) -> tuple[type[RepriseError], tuple[str], dict[str, object]]:
        """Errors travel between processes with their notes."""
        return type(self), (self.sentence,), self.__dict__


class InputError(RepriseError):
    """A file or a page that cannot be used; its original goes to quarantine."""

    code = "entree"
    exit_status = 3


class EmptyFile(InputError):
    code = "fichier-vide"
    sentence = "Le fichier est vide : numérisez la feuille à nouveau."


class UnsupportedFile(InputError):
    code = "format-inconnu"
    sentence = (
        "Ce fichier n'est ni un PDF ni une image (TIFF, JPEG, PNG, HEIC, WebP) : "
        "exportez-le dans l'un de ces formats."
    )


class CorruptFile(InputError):
    code = "fichier-abime"
    sentence = "Le fichier est incomplet ou abîmé : copiez-le ou numérisez-le à nouveau."


class EncryptedFile(InputError):
    code = "fichier-protege"
    sentence = "Le PDF est protégé par un mot de passe : enregistrez-le sans protection."


class NoPage(InputError):
    code = "sans-page"
    sentence = "Le fichier ne contient aucune page : numérisez le document à nouveau."


class TooManyPixels(InputError):
    code = "image-trop-grande"
    sentence = "L'image est trop grande pour être une feuille numérisée : numérisez à 300 ppp."


class TooSmall(InputError):
    code = "image-trop-petite"
    sentence = "L'image est trop petite pour être lue : numérisez à 300 ppp."


class OutsideInbox(InputError):
    code = "hors-du-dossier"
    sentence = "Ce lien mène hors du dossier d'arrivée : déposez-y le fichier lui-même."


class FileChanged(InputError):
    code = "fichier-modifie"
    retryable = True
    sentence = "Le fichier a changé ou disparu pendant sa lecture : déposez-le à nouveau."


class UnreadablePage(InputError):
    code = "page-illisible"
    sentence = "La page est illisible : numérisez-la à nouveau, à plat et à 300 ppp."


class NotADocument(InputError):
    code = "pas-un-document"
    sentence = "Cette image ne ressemble pas à un document : vérifiez le fichier déposé."


class PageCrashed(InputError):
    code = "page-en-echec"
    sentence = "La page n'a pas pu être traitée après trois essais : saisissez-la à la main."


class BundleError(RepriseError):
    """A draft that does not pass our own checks and is therefore not written."""

    code = "bundle-invalide"
    exit_status = 4
    sentence = "Le document lu ne forme pas un dossier FHIR valide : il est mis de côté."


class SetupError(RepriseError):
    """Something this machine needs is missing: an engine, a language, weights."""

    code = "installation"
    exit_status = 5
    sentence = "L'installation est incomplète : lancez « reprise doctor »."


class UsageError(RepriseError):
    """The command cannot be carried out as it was typed."""

    code = "usage"
    exit_status = 2
    sentence = "La commande ne peut pas être exécutée ainsi."


class ReimportError(RepriseError):
    """A target server or an export refused; its subclasses live in the reimport room."""

    code = "reimport"
    exit_status = 6
    sentence = "Le serveur n'a pas accepté l'envoi."


class ReviewError(RepriseError):
    """A document that cannot be validated with the decisions given."""

    code = "validation"
    exit_status = 7
    sentence = "Le document ne peut pas être validé."


class Undecided(ReviewError):
    """Doubtful or unread values that nobody has decided on; `fields` names them."""

    code = "valeurs-a-decider"
    sentence = "Des valeurs douteuses ou illisibles attendent encore une décision."

    def __init__(self, sentence: str | None = None, fields: tuple[str, ...] = ()) -> None:
        super().__init__(sentence)
        self.fields = fields


class StaleValue(ReviewError):
    """A decision about a value that the draft no longer holds."""

    code = "valeur-modifiee"
    sentence = "La valeur a changé depuis qu'elle a été relue : relisez-la avant de décider."


class BadDecision(ReviewError):
    """A decision on a field that does not exist, or with a value that does not fit it."""

    code = "decision-invalide"
    sentence = "Cette décision ne s'applique pas à ce document."
