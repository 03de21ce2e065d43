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
from grading.models.audit import AuditEvent
from grading.models.feedback import BankComment, FeedbackDraft, FeedbackJob, Length, Tone
from grading.models.frozen import FrozenError, FrozenModel
from grading.models.jobs import Heartbeat, Job
from grading.models.people import (
    Classroom,
    Enrollment,
    Membership,
    Role,
    School,
    Student,
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
from grading.models.rubrics import LevelWords, Rubric, RubricDimension, RubricVersion
from grading.models.scoring import DimensionScore, ScoreSet, ScoringJob

__all__ = [
    "AdapterSet",
    "AdapterVersion",
    "Annotation",
    "Appeal",
    "Artwork",
    "Assignment",
    "AuditEvent",
    "BankComment",
    "BaseModel",
    "BlindLook",
    "Classroom",
    "DimensionScore",
    "DraftLevel",
    "EditJob",
    "Enrollment",
    "ExampleAnswer",
    "ExampleLevel",
    "ExamplePicture",
    "FamilyLink",
    "FamilyLinkOpening",
    "FeedbackDraft",
    "FeedbackJob",
    "FrozenError",
    "FrozenModel",
    "Heartbeat",
    "IntakeJob",
    "Job",
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
    "Rubric",
    "RubricDimension",
    "RubricVersion",
    "School",
    "ScoreSet",
    "ScoringJob",
    "Student",
    "StudentNote",
    "Tone",
    "User",
]
