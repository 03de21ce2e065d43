from grading.models.adapters import AdapterSet, AdapterVersion, BaseModel, Promotion
from grading.models.annotations import (
    Annotation,
    BlindLook,
    DraftLevel,
    NotAssessed,
    Review,
    ReviewDraft,
    ReviewTime,
    ReviewWithdrawal,
)
from grading.models.artworks import (
    Artwork,
    Assignment,
    EditJob,
    IntakeJob,
    PhotoProposal,
    Picture,
)
from grading.models.audit import AuditAnchor, AuditEvent
from grading.models.consent import Consent, consenting_students
from grading.models.feedback import (
    DRAFTS_OFF,
    BankComment,
    FeedbackDraft,
    FeedbackJob,
    Length,
    Tone,
)
from grading.models.frozen import FrozenError, FrozenModel
from grading.models.invitations import Invitation
from grading.models.jobs import Heartbeat, Job
from grading.models.people import (
    Classroom,
    Enrollment,
    GradeBand,
    Membership,
    Role,
    School,
    SchoolYear,
    Student,
    Teaching,
    Term,
    User,
)
from grading.models.portfolio import StudentNote
from grading.models.practice import ExampleAnswer, ExampleLevel, ExamplePicture
from grading.models.releases import (
    Appeal,
    FamilyLink,
    FamilyLinkOpening,
    Release,
    ReleasedWork,
)
from grading.models.reports import ReportJob
from grading.models.rights import (
    Amendment,
    DoomedFile,
    ErasureReceipt,
    LegalHold,
    StudentExport,
)
from grading.models.rosters import RosterImport
from grading.models.rubrics import LevelWords, Rubric, RubricDimension, RubricVersion
from grading.models.scoring import SCORING_OFF, DimensionScore, ScoreSet, ScoringJob
from grading.models.training import TrainingItem, TrainingSet

__all__ = [
    "DRAFTS_OFF",
    "SCORING_OFF",
    "AdapterSet",
    "AdapterVersion",
    "Amendment",
    "Annotation",
    "Appeal",
    "Artwork",
    "Assignment",
    "AuditAnchor",
    "AuditEvent",
    "BankComment",
    "BaseModel",
    "BlindLook",
    "Classroom",
    "Consent",
    "DimensionScore",
    "DoomedFile",
    "DraftLevel",
    "EditJob",
    "Enrollment",
    "ErasureReceipt",
    "ExampleAnswer",
    "ExampleLevel",
    "ExamplePicture",
    "FamilyLink",
    "FamilyLinkOpening",
    "FeedbackDraft",
    "FeedbackJob",
    "FrozenError",
    "FrozenModel",
    "GradeBand",
    "Heartbeat",
    "IntakeJob",
    "Invitation",
    "Job",
    "LegalHold",
    "Length",
    "LevelWords",
    "Membership",
    "NotAssessed",
    "PhotoProposal",
    "Picture",
    "Promotion",
    "Release",
    "ReleasedWork",
    "ReportJob",
    "Review",
    "ReviewDraft",
    "ReviewTime",
    "ReviewWithdrawal",
    "Role",
    "RosterImport",
    "Rubric",
    "RubricDimension",
    "RubricVersion",
    "School",
    "SchoolYear",
    "ScoreSet",
    "ScoringJob",
    "Student",
    "StudentExport",
    "StudentNote",
    "Teaching",
    "Term",
    "Tone",
    "TrainingItem",
    "TrainingSet",
    "User",
    "consenting_students",
]
