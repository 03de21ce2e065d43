"""The worker's side. The only module that may import the heavy half of ml, inside its tasks.

Every task is a doorbell: it carries the id of a row that says what there is to do. A message that
comes twice, late, or not at all changes nothing, since the row is claimed first and the sweep
rings again for rows that wait.
"""

from __future__ import annotations

import io
import logging
import tempfile
import threading
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TypeVar, cast

from allauth.usersessions.models import UserSession
from axes.models import AccessAttempt
from celery import Task, current_app, shared_task
from django.conf import settings
from django.contrib.sessions.models import Session
from django.core.files import File
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import call_command
from django.db import DatabaseError, connection, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.fields.files import FieldFile
from django.utils import translation
from django.utils.timezone import now
from django.utils.translation import gettext as _
from kombu.exceptions import OperationalError
from PIL import Image

from grading.chain import BrokenChain, chain_head, let_go_of_old_events, seal_events
from grading.intake.edits import Edit
from grading.intake.normalize import (
    NormalizedPicture,
    NormalizeError,
    normalize,
    write_versions,
)
from grading.models import (
    DRAFTS_OFF,
    SCORING_OFF,
    AdapterSet,
    Artwork,
    DoomedFile,
    EditJob,
    FeedbackDraft,
    FeedbackJob,
    IntakeJob,
    Job,
    PhotoProposal,
    Picture,
    ReportJob,
    Review,
    RosterImport,
    ScoreSet,
    ScoringJob,
    StudentExport,
)
from grading.models.artworks import picture_path
from grading.works import report_title, reviews_in, with_amendments, works_of
from ml.errors import BundleError
from ml.feedback import Manner, compose
from ml.interface import PictureFailure, PictureScores
from ml.profiles import read_base_profile
from ml.rubric import Rubric

if TYPE_CHECKING:
    from ml.scorer import TorchScorer
    from ml.writer import FeedbackRequest, FeedbackWriter

log = logging.getLogger(__name__)
JobT = TypeVar("JobT", ScoringJob, FeedbackJob)

RESEND_AT_MOST = 200  # rows a sweep rings for; the next one is ten seconds away
SEALED_AT_MOST = 5000  # rows of the audit trail that a sweep seals


# ------------------------------------------------------------------------------------- doorbells
def send_on_commit(task: Task, pk: int) -> None:
    transaction.on_commit(partial(send, task, pk))


def send(task: Task, pk: int) -> None:
    """Ring; with the broker down, the row is safe and the sweep rings later."""
    try:
        task.apply_async((pk,))
    except (OperationalError, OSError) as error:
        log.warning("no broker for %s(%s): %s", task.name, pk, error)


@contextmanager
def lease_kept(jobs: Sequence[Job]) -> Iterator[None]:
    """Renew the leases of claimed jobs while the model or the decoder works on them."""
    done = threading.Event()

    def renew() -> None:
        while not done.wait(settings.JOB_LEASE_S / 3):
            try:
                type(jobs[0]).objects.renew(jobs)
            except DatabaseError as error:  # the next turn comes before the lease runs out
                log.warning("lease not renewed: %s", error)
        connection.close()

    thread = threading.Thread(target=renew, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _erased(job: Job) -> bool:
    """The student was erased while a worker was at it: there is nothing left to do, or to tell."""
    return not type(job).objects.filter(pk=job.pk).exists()


# ---------------------------------------------------------------------------------------- intake
@shared_task
def prepare_picture(job_id: int) -> None:
    """Make the picture versions of an uploaded file, then ask for its scores."""
    job: IntakeJob | None = IntakeJob.objects.claim(job_id)
    if job is None:
        return  # delivered twice, or already done

    try:
        with lease_kept([job]), tempfile.TemporaryDirectory() as folder:
            with job.artwork.original.open("rb") as original:
                made = normalize(cast(BinaryIO, original), Path(folder))
            picture = _record_picture(job, made, _proposal(made))
    except NormalizeError as error:
        job.fail(str(error.reason))
        return
    except Exception as error:
        sentence = _("This picture could not be opened. Save it as JPEG and upload it again.")
        if isinstance(error, FileNotFoundError):
            sentence = _("The uploaded file is no longer there. Upload it again.")
        if not job.fail(sentence) and _erased(job):
            return
        raise
    if picture:
        job.artwork.original.delete(save=False)
        # Nothing else of the row: it was read before the picture was made, and may have changed.
        Artwork.objects.filter(pk=job.artwork_id).update(original="")


def _proposal(made: NormalizedPicture) -> PhotoProposal | None:
    """How the photograph could be straightened and lit; the picture does not depend on it."""
    from grading.intake.cleanup import apply_edit, propose_edit

    try:
        with Image.open(made.display) as display:
            shown = display.convert("RGB")
        proposal = propose_edit(shown)
        if proposal is None:
            return None
        buffer = io.BytesIO()
        apply_edit(shown, proposal.edit).save(buffer, "JPEG", quality=85)
    except Exception:
        log.exception("no proposal for %s", made.sha256)
        return None
    return PhotoProposal(
        edit=proposal.edit.to_json(),
        sure=proposal.sure,
        reason=proposal.reason,
        preview=ContentFile(buffer.getvalue(), name="preview.jpg"),
    )


@shared_task
def edit_picture(job_id: int) -> None:
    """Turn, straighten and light an untouched picture, then ask for its scores."""
    from grading.intake.cleanup import apply_edit

    job: EditJob | None = EditJob.objects.claim(job_id)
    if job is None:
        return  # delivered twice, or already done

    try:
        with (
            lease_kept([job]),
            tempfile.TemporaryDirectory() as folder,
            local_paths([job.picture.full]) as paths,
        ):
            with Image.open(paths[0]) as full:
                edited = apply_edit(full.convert("RGB"), Edit.from_json(job.edit))
            _record_picture(job, write_versions(edited, Path(folder)))
    except Exception:
        if not job.fail(_("This change did not work. The picture is as it was.")) and _erased(job):
            return
        raise


def _record_picture(
    job: IntakeJob | EditJob, made: NormalizedPicture, proposal: PhotoProposal | None = None
) -> Picture | None:
    """Store the files and the rows; None if another worker has taken the job over.

    The proposal comes with the picture: no list of sure drafts sees one without the other.
    Where the rows cannot be kept, the files are not either.
    """
    made_now = Picture(code=uuid.uuid4())
    with ExitStack() as stack:
        stack.push(lambda error, *_rest: _forget_folder(made_now) if error else None)
        files = {
            name: File(stack.enter_context(path.open("rb")), name=path.name)
            for name, path in (
                ("full", made.normalized),
                ("display", made.display),
                ("thumbnail", made.thumbnail),
            )
        }
        with transaction.atomic():
            picture = job.succeed(
                code=made_now.code,
                width=made.width,
                height=made.height,
                sha256=made.sha256,
                **files,
            )
            if picture and proposal:
                proposal.picture = picture
                proposal.save()
            if picture and (scoring := ScoringJob.objects.request(picture)):
                send_on_commit(score_pictures, scoring.pk)
    return picture


def _forget_folder(picture: Picture) -> None:
    folder = picture_path(picture, "")
    with suppress(FileNotFoundError):
        for name in default_storage.listdir(folder)[1]:
            default_storage.delete(f"{folder}{name}")
        _remove_empty_folder(f"{folder}x")


# --------------------------------------------------------------------------------------- scoring
@shared_task
def score_pictures(job_id: int) -> None:
    """Score this picture, together with others that wait for the same model."""
    claimed = ScoringJob.objects.claim_batch(job_id, settings.SCORING_BATCH)
    jobs = _wanted(_with_pictures(claimed), SCORING_OFF)
    if not jobs:
        return  # delivered twice, already done in somebody else's batch, erased, or switched off

    try:
        with lease_kept(jobs), local_paths([job.picture.full for job in jobs]) as paths:
            rubric = jobs[0].adapter_set.rubric_version.as_ml_rubric()
            results = _scorer(jobs[0].adapter_set, rubric).score(paths)
    except Exception as error:
        sentence = _("The scoring model could not be loaded. An administrator has been told.")
        if not isinstance(error, BundleError):
            sentence = _("The scorer stopped while it looked at this picture. Try again.")
        told = [job.fail(sentence) for job in jobs]
        if not any(told) and all(_erased(job) for job in jobs):
            return
        raise
    dimensions = {d.slug: d for d in jobs[0].adapter_set.rubric_version.dimensions.all()}
    adapters = {a.dimension.slug: a for a in _adapters(jobs[0].adapter_set)}
    _wanted(jobs, SCORING_OFF)  # switched off meanwhile: those have failed, and record nothing
    for job, result in zip(jobs, results, strict=True):
        if isinstance(result, PictureFailure):
            job.fail(result.error)
        else:
            with transaction.atomic():
                if score_set := job.succeed(result, dimensions, adapters):
                    _draft_feedback(score_set, rubric, result)


def _with_pictures(jobs: Sequence[ScoringJob]) -> list[ScoringJob]:
    """Those whose picture is still there, so that an erased one stops none of the others."""
    pictures = Picture.objects.select_related("artwork").in_bulk([job.picture_id for job in jobs])
    found = [job for job in jobs if job.picture_id in pictures]
    for job in found:
        job.picture = pictures[job.picture_id]
    return found


def _wanted(jobs: Sequence[JobT], off: str) -> list[JobT]:
    """Those whose school still has its switch on; the others fail with ``off``, and nothing of
    them is recorded."""
    if not jobs:
        return []
    mine = type(jobs[0]).objects.filter(pk__in=[job.pk for job in jobs])
    stopped = set(mine.switched_off().values_list("pk", flat=True))
    for job in jobs:
        if job.pk in stopped:
            job.fail(off)
    return [job for job in jobs if job.pk not in stopped]


def _draft_feedback(score_set: ScoreSet, rubric: Rubric, scores: PictureScores) -> None:
    """Compose words at once; a model that writes adds its own when no picture waits for scores."""
    given = {slug: s for slug, s in scores.dimensions.items() if s.level is not None}
    assignment = score_set.picture.artwork.assignment
    if not given or not assignment.classroom.school.proposes_words:
        return
    words = compose(
        rubric,
        levels={slug: s.level for slug, s in given.items() if s.level is not None},
        expected={slug: s.score for slug, s in given.items() if s.score is not None},
        title=assignment.title,
        grade=assignment.classroom.grade,
        seed=score_set.picture_id,
    )
    FeedbackDraft.objects.create(
        score_set=score_set,
        origin=FeedbackDraft.Origin.COMPOSED,
        strength=words.strength,
        next_step=words.next_step,
        seed=score_set.picture_id,
    )
    if can_write(score_set.job.adapter_set):
        job = FeedbackJob.objects.create(score_set=score_set)
        send_on_commit(write_feedback, job.pk)


_loaded: dict[tuple[str, int], TorchScorer] = {}  # one model a worker process, loaded on first use
_loaded_digest: dict[tuple[str, int], str] = {}


def _adapters(adapter_set: AdapterSet):
    return adapter_set.adapters.select_related("dimension")


def _scorer(adapter_set: AdapterSet, rubric: Rubric) -> TorchScorer:
    """The scorer for this set. Another adapter is swapped in; only another base is loaded anew."""
    from ml.scorer import load_scorer

    key = (adapter_set.base.sha256, adapter_set.rubric_version_id)
    folders = {a.dimension.slug: a.folder for a in _adapters(adapter_set)}
    if key not in _loaded:
        _loaded.clear()  # there is room for one base model
        _loaded[key] = load_scorer(
            adapter_set.base.folder,
            folders,
            rubric,
            device=settings.SCORING_DEVICE,
            compiled=settings.SCORING_COMPILED,
            four_bit=settings.SCORING_FOUR_BIT,
        )
    elif _loaded_digest.get(key) != adapter_set.digest:
        _loaded_digest.pop(key, None)
        _loaded[key].use_adapters(folders)
    _loaded_digest[key] = adapter_set.digest
    return _loaded[key]


def can_write(adapter_set: AdapterSet) -> bool:
    try:
        return read_base_profile(adapter_set.base.folder).writes
    except BundleError:
        return False  # its folder has gone since it was loaded: nothing is there to write with


@contextmanager
def local_paths(files: Sequence[FieldFile]) -> Iterator[list[Path]]:
    """Paths of stored files; a storage that is not a folder is copied from first."""
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for n, file in enumerate(files):
            try:
                paths.append(Path(file.path))
            except NotImplementedError:
                paths.append(Path(folder) / str(n))
                with default_storage.open(str(file.name)) as source:
                    paths[-1].write_bytes(source.read())
        yield paths


# -------------------------------------------------------------------------------------- feedback
@shared_task
def write_feedback(job_id: int) -> None:
    """Have the base model write the words for a class at once, when no picture waits for scores.

    Pictures that arrive meanwhile wait for one batch at most, which is bounded in length.
    """
    if FeedbackJob.objects.must_stand_back():
        return  # the row stays, and the sweep rings again
    claimed = FeedbackJob.objects.claim_batch(job_id, settings.FEEDBACK_BATCH)
    found = FeedbackJob.objects.filter(pk__in=[job.pk for job in claimed]).order_by("pk")
    related = "score_set__picture__artwork__student", "score_set__job__adapter_set__base"
    jobs = _wanted(list(found.select_related(*related)), DRAFTS_OFF)
    if not jobs:
        return  # delivered twice, written in somebody else's batch, erased, or switched off

    pictures = [job.score_set.picture for job in jobs]
    try:
        with lease_kept(jobs), local_paths([picture.full for picture in pictures]) as paths:
            requests = [_request(job, path) for job, path in zip(jobs, paths, strict=True)]
            results = _writer(jobs[0].score_set.job.adapter_set).write(requests)
    except Exception:
        sentence = _("The model stopped while it wrote feedback. The composed words stand.")
        told = [job.fail(sentence) for job in jobs]
        if not any(told) and all(_erased(job) for job in jobs):
            return
        raise
    _wanted(jobs, DRAFTS_OFF)  # switched off meanwhile: those have failed, and record nothing
    for job, result in zip(jobs, results, strict=True):
        with transaction.atomic():
            if job.succeed():
                FeedbackDraft.objects.create(
                    score_set=job.score_set,
                    job=job,
                    origin=result.origin,
                    strength=result.feedback.strength,
                    next_step=result.feedback.next_step,
                    seed=result.seed,
                    note=result.reason,
                    tone=job.tone,
                    length=job.length,
                    turn=job.turn,
                )


def _request(job: FeedbackJob, path: Path) -> FeedbackRequest:
    from ml.writer import FeedbackRequest

    artwork = job.score_set.picture.artwork
    scores = list(job.score_set.scores.exclude(level=None).select_related("dimension"))
    said = {s.dimension.slug: s.level for s in scores if s.level is not None}
    return FeedbackRequest(
        picture=path,
        levels=said | job.levels,
        expected={s.dimension.slug: s.expected for s in scores if s.expected is not None},
        title=artwork.assignment.title,
        task=artwork.assignment.task,
        grade=artwork.assignment.classroom.grade,
        names=_names(artwork.student.display_name) if artwork.student else (),
        seed=feedback_seed(job.score_set, job.turn),
        manner=Manner(job.tone, job.length),
    )


def feedback_seed(score_set: ScoreSet, turn: int) -> int:
    """Other words for each picture, and each time that somebody asks for others."""
    return score_set.picture_id + 1_000_003 * turn


def _names(display_name: str) -> tuple[str, ...]:
    """What the child may be called: "Amara B." is also Amara."""
    return (display_name, display_name.split()[0])


def _writer(adapter_set: AdapterSet) -> FeedbackWriter:
    from ml.writer import FeedbackWriter

    rubric = adapter_set.rubric_version.as_ml_rubric()
    return FeedbackWriter(_scorer(adapter_set, rubric).base, rubric)


# --------------------------------------------------------------------------------------- reports
@shared_task
def make_report(job_id: int) -> None:
    """Make the PDF, or the ZIP of PDFs, that somebody asked for."""
    job: ReportJob | None = ReportJob.objects.claim(job_id)
    if job is None:
        return  # delivered twice, or already made

    try:
        from grading.paper import make_pdf, make_zip
    except (ImportError, OSError):  # so WeasyPrint says that a library of the system is missing
        job.fail(
            _(
                "PDF files need Pango, which is not installed on this server; an administrator "
                "can install Pango. The report can be printed from its page meanwhile."
            )
        )
        raise
    try:
        with lease_kept([job]), translation.override(job.language):
            works = with_amendments(works_of(reviews_in(job)))
            if not works:
                job.fail(_("There is no decided work to report on."))
                return
            make = make_zip if job.form == ReportJob.Form.ZIP else make_pdf
            content = make(works, report_title(job), job.paper)
    except Exception:
        sentence = _("The report could not be made. Try again, or print it from its page.")
        if not job.fail(sentence) and _erased(job):
            return
        raise
    job.succeed(ContentFile(content))


# ---------------------------------------------------------------------------------- privacy rights
@shared_task
def export_student(job_id: int) -> None:
    """Put everything there is about one student into a ZIP."""
    job: StudentExport | None = StudentExport.objects.claim(job_id)
    if job is None:
        return  # delivered twice, or already made

    from grading.record_zip import write_record

    try:
        with (
            tempfile.TemporaryFile() as file,
            lease_kept([job]),
            translation.override(job.language),
        ):
            write_record(job, file)
            job.succeed(File(file, name="record.zip"))
    except Exception:
        if not job.fail(_("The export could not be made. Ask for it again.")) and _erased(job):
            return
        raise


def delete_doomed_files(files: Iterable[DoomedFile]) -> None:
    """Delete files that no row leads to; one that resists stays on the list, for the next sweep."""
    for doomed in files:
        try:
            default_storage.delete(doomed.name)
            _remove_empty_folder(doomed.name)
        except Exception:  # whatever the storage says: the others still go
            log.exception("not deleted yet: %s", doomed.name)
            continue
        doomed.delete()


def _remove_empty_folder(name: str) -> None:
    """Of a picture, which has a folder of its own. Other storages have no folders."""
    if name.startswith("pictures/"):
        with suppress(OSError, NotImplementedError):
            Path(default_storage.path(name)).parent.rmdir()


@shared_task
def apply_retention() -> None:
    """Every night: what a school keeps no longer goes, as `manage.py retention` would do it."""
    call_command("retention")


# ----------------------------------------------------------------------------------------- sweep
@shared_task
def sweep() -> None:
    """Ring again for what was lost: leases that ran out, rings that a broker forgot."""
    _seal()
    _sweep(IntakeJob, prepare_picture, "io")
    _sweep(EditJob, edit_picture, "io")
    _sweep(ScoringJob, score_pictures, "gpu")
    _sweep(FeedbackJob, write_feedback, "gpu")  # second: rings for scores leave it no empty queue
    _sweep(ReportJob, make_report, "io")
    _sweep(StudentExport, export_student, "io")
    for made in (ReportJob, StudentExport):
        for expired in made.objects.expired()[:RESEND_AT_MOST]:
            expired.file.delete(save=True)
    delete_doomed_files(DoomedFile.objects.order_by("pk")[:RESEND_AT_MOST])
    RosterImport.objects.forget(now() - timedelta(days=settings.ROSTER_KEPT_DAYS))
    for picture in _unscored()[:RESEND_AT_MOST]:
        if job := ScoringJob.objects.request(picture):
            send(score_pictures, job.pk)
    waiting = Artwork.objects.kept().filter(~Q(original=""), intake_jobs=None)
    for artwork in waiting[:RESEND_AT_MOST]:
        send(prepare_picture, IntakeJob.objects.create(artwork=artwork).pk)


@shared_task
def forget_originals() -> None:
    """Delete uploaded files that are of no more use: with their metadata they say where a child
    was, and when."""
    kept_until = now() - timedelta(hours=settings.ORIGINAL_KEPT_HOURS)
    stored = Artwork.objects.exclude(original="")
    made = stored.filter(pictures__isnull=False)  # a worker stopped just before it deleted the file
    failed = Q(intake_jobs__status=Job.Status.FAILED) | Q(removed_at__isnull=False)
    never = stored.filter(failed, uploaded_at__lt=kept_until)
    for pk in {*made.values_list("pk", flat=True), *never.values_list("pk", flat=True)}:
        _forget_original(pk)
    _forget_strays(kept_until)


@transaction.atomic
def _forget_original(pk: int) -> None:
    artwork = Artwork.objects.select_for_update().filter(pk=pk).first()
    if artwork is None or artwork.intake_jobs.open().exists():
        return  # erased meanwhile, or somebody tries it again just now
    name, has_picture = artwork.original.name or "", artwork.pictures.exists()
    Artwork.objects.filter(pk=pk).update(original="")
    if not has_picture:
        sentence = _("This file could not be read and was deleted after a while. Upload it again.")
        IntakeJob.objects.create(
            artwork=artwork, status=Job.Status.FAILED, error=sentence, finished_at=now()
        )
    transaction.on_commit(partial(default_storage.delete, name))


def _forget_strays(kept_until: datetime) -> None:
    """Files that no row leads to: the web process was killed between the two."""
    if not default_storage.exists("originals"):
        return
    _folders, files = default_storage.listdir("originals")
    names = {f"originals/{file}" for file in files}
    known = set(Artwork.objects.exclude(original="").values_list("original", flat=True))
    for name in names - known:
        if default_storage.get_modified_time(name) < kept_until:
            default_storage.delete(name)


def _unscored() -> QuerySet[Picture]:
    """Pictures that nobody has decided about and that no model was asked about: there was none
    installed, or their school had switched it off."""
    asked = ScoringJob.objects.that_count().filter(picture=OuterRef("pk"))
    decided = Review.objects.standing().filter(artwork=OuterRef("artwork"))
    return Picture.objects.filter(
        ~Exists(asked),
        ~Exists(decided),
        artwork__removed_at=None,
        artwork__assignment__classroom__school__scoring_on=True,
    )


def _seal() -> None:
    try:
        seal_events(SEALED_AT_MOST)
    except DatabaseError:  # nothing of the work waits for it, and the next sweep seals these too
        log.exception("the audit trail was not sealed")


@shared_task
def forget_sign_ins() -> None:
    """Delete sessions that have ended, where they were, and failures that lock nobody out."""
    Session.objects.filter(expire_date__lt=now()).delete()
    old = now() - timedelta(seconds=settings.SESSION_COOKIE_AGE)  # a new one has no row yet
    known = Session.objects.values("session_key")
    UserSession.objects.filter(created_at__lt=old).exclude(session_key__in=known).delete()
    AccessAttempt.objects.filter(attempt_time__lt=now() - timedelta(days=1)).delete()


@shared_task
def keep_audit() -> None:
    """Let old rows of the audit trail go, and note its head where the database is not."""
    seal_events()
    try:
        gone = let_go_of_old_events()
    except BrokenChain as error:
        log.error("nothing of the audit trail is let go, as it is not whole: %s", error)
    else:
        log.info("rows of the audit trail let go: %d", gone)
    log.info("head of the audit trail: %s", chain_head())


def _sweep(
    model: type[IntakeJob | EditJob | ScoringJob | FeedbackJob | ReportJob | StudentExport],
    task: Task,
    queue: str,
) -> None:
    gave_up = _("This picture stopped the program %(count)s times. Replace it with another photo.")
    if model in (ReportJob, StudentExport):
        gave_up = _("This report stopped the program %(count)s times.")
    for job in model.objects.lost().order_by("pk")[:RESEND_AT_MOST]:
        if job.attempt >= settings.JOB_MAX_ATTEMPTS:
            job.fail(gave_up % {"count": job.attempt})
        else:
            send(task, job.pk)
    if _messages_in(queue) == 0:
        for pk in (
            model.objects.waiting().order_by("pk").values_list("pk", flat=True)[:RESEND_AT_MOST]
        ):
            send(task, pk)


def _messages_in(queue: str) -> int:
    with current_app.connection_for_write() as broker:
        return broker.default_channel.client.llen(queue)
