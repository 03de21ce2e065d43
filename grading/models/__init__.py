from grading.models.adapters import AdapterSet, AdapterVersion, BaseModel, Promotion
from grading.models.annotations import Annotation, DraftLevel, Review, ReviewDraft
from grading.models.artworks import Artwork, Assignment, IntakeJob, Picture
from grading.models.audit import AuditEvent
from grading.models.feedback import FeedbackDraft, FeedbackJob
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
from grading.models.rubrics import LevelWords, Rubric, RubricDimension, RubricVersion
from grading.models.scoring import DimensionScore, ScoreSet, ScoringJob

__all__ = [
    "AdapterSet",
    "AdapterVersion",
    "Annotation",
    "Artwork",
    "Assignment",
    "AuditEvent",
    "BaseModel",
    "Classroom",
    "DimensionScore",
    "DraftLevel",
    "Enrollment",
    "FeedbackDraft",
    "FeedbackJob",
    "FrozenError",
    "FrozenModel",
    "Heartbeat",
    "IntakeJob",
    "Job",
    "LevelWords",
    "Membership",
    "Picture",
    "Promotion",
    "Review",
    "ReviewDraft",
    "Role",
    "Rubric",
    "RubricDimension",
    "RubricVersion",
    "School",
    "ScoreSet",
    "ScoringJob",
    "Student",
    "User",
]
