import uuid

import django.core.validators
import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("grading", "0004_review_portfolio_reports"),
    ]

    operations = [
        migrations.CreateModel(
            name="Amendment",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("code", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                (
                    "text",
                    models.TextField(
                        max_length=1000, verbose_name="what should stand beside the record"
                    ),
                ),
                ("asked_by", models.CharField(max_length=60, verbose_name="who asked for it")),
                ("at", models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                "ordering": ["pk"],
            },
        ),
        migrations.CreateModel(
            name="AuditAnchor",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("position", models.PositiveBigIntegerField(unique=True)),
                ("digest", models.CharField(max_length=64)),
                ("rows", models.PositiveBigIntegerField()),
                ("at", models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                "ordering": ["position"],
            },
        ),
        migrations.CreateModel(
            name="Consent",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("given", models.BooleanField(verbose_name="work may be used for training")),
                (
                    "source",
                    models.CharField(
                        choices=[
                            ("paper", "signed form on paper"),
                            ("email", "message from a parent or guardian"),
                            ("spoken", "said in person"),
                            ("school", "decided by the school"),
                        ],
                        max_length=6,
                        verbose_name="how it was said",
                    ),
                ),
                (
                    "said_on",
                    models.DateField(default=django.utils.timezone.localdate, verbose_name="date"),
                ),
                ("recorded_at", models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                "ordering": ["-pk"],
            },
        ),
        migrations.CreateModel(
            name="DoomedFile",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=255)),
                ("doomed_at", models.DateTimeField(default=django.utils.timezone.now)),
            ],
        ),
        migrations.CreateModel(
            name="ErasureReceipt",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("code", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ("student_code", models.UUIDField(db_index=True)),
                (
                    "reason",
                    models.CharField(
                        choices=[
                            ("asked", "somebody asked for it"),
                            ("retention", "the time for keeping had passed"),
                        ],
                        max_length=9,
                    ),
                ),
                ("year_name", models.CharField(blank=True, max_length=9)),
                ("counts", models.JSONField(default=dict)),
                ("adapters", models.JSONField(default=list)),
                ("at", models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                "ordering": ["-pk"],
            },
        ),
        migrations.CreateModel(
            name="Invitation",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("code", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ("email", models.EmailField(max_length=254, verbose_name="e-mail address")),
                (
                    "role",
                    models.CharField(
                        choices=[
                            ("teacher", "Teacher"),
                            ("administrator", "Administrator"),
                            ("annotator", "Annotator"),
                        ],
                        max_length=13,
                        verbose_name="role",
                    ),
                ),
                ("token_sha256", models.CharField(max_length=64, unique=True)),
                ("invited_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("expires_at", models.DateTimeField()),
                ("accepted_at", models.DateTimeField(null=True)),
                ("revoked_at", models.DateTimeField(null=True)),
            ],
            options={
                "ordering": ["-pk"],
            },
        ),
        migrations.CreateModel(
            name="LegalHold",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("code", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ("reason", models.CharField(max_length=200, verbose_name="reason")),
                ("placed_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("lifted_at", models.DateTimeField(null=True)),
            ],
            options={
                "ordering": ["-pk"],
            },
        ),
        migrations.CreateModel(
            name="RosterImport",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("code", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                (
                    "kind",
                    models.CharField(
                        choices=[("csv", "table"), ("oneroster", "OneRoster 1.2")], max_length=9
                    ),
                ),
                ("file_name", models.CharField(max_length=120)),
                ("header", models.JSONField(default=list)),
                ("mapping", models.JSONField(default=dict)),
                (
                    "removes_missing",
                    models.BooleanField(
                        default=False,
                        verbose_name="students who are not in the list leave the classes that are in it",
                    ),
                ),
                ("rows", models.JSONField(default=list)),
                ("plan", models.JSONField(default=dict)),
                ("uploaded_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("applied_at", models.DateTimeField(null=True)),
                ("undone_at", models.DateTimeField(null=True)),
            ],
            options={
                "ordering": ["-pk"],
            },
        ),
        migrations.CreateModel(
            name="SchoolYear",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("code", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ("name", models.CharField(max_length=9, verbose_name="name")),
                ("starts_on", models.DateField(verbose_name="first day")),
                ("ends_on", models.DateField(verbose_name="last day")),
                ("archived_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "ordering": ["-starts_on", "-pk"],
            },
        ),
        migrations.CreateModel(
            name="Teaching",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("code", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ("until", models.DateField(blank=True, null=True, verbose_name="last day")),
            ],
        ),
        migrations.CreateModel(
            name="Term",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("code", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ("name", models.CharField(max_length=40, verbose_name="name")),
                ("starts_on", models.DateField(verbose_name="first day")),
                ("ends_on", models.DateField(verbose_name="last day")),
            ],
            options={
                "ordering": ["starts_on", "pk"],
            },
        ),
        migrations.CreateModel(
            name="TrainingItem",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("student_code", models.UUIDField(db_index=True)),
                ("artwork_code", models.UUIDField()),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="TrainingSet",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("code", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ("made_at", models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                "ordering": ["pk"],
            },
        ),
        migrations.AlterModelOptions(
            name="auditevent",
            options={"ordering": ["pk"]},
        ),
        migrations.RenameField(model_name="classroom", old_name="year", new_name="year_name"),
        migrations.AlterModelOptions(
            name="classroom",
            options={"ordering": ["-year__starts_on", "name"]},
        ),
        migrations.AddField(
            model_name="adapterversion",
            name="code",
            field=models.UUIDField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name="auditevent",
            name="digest",
            field=models.CharField(blank=True, max_length=64),
        ),
        migrations.AddField(
            model_name="auditevent",
            name="position",
            field=models.PositiveBigIntegerField(null=True, unique=True),
        ),
        migrations.AddField(
            model_name="classroom",
            name="sourced_id",
            field=models.CharField(blank=True, max_length=120),
        ),
        migrations.AddField(
            model_name="enrollment",
            name="left_on",
            field=models.DateField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="enrollment",
            name="since",
            field=models.DateField(default=django.utils.timezone.localdate),
        ),
        migrations.AddField(
            model_name="school",
            name="drafts_on",
            field=models.BooleanField(default=False, verbose_name="words of feedback are proposed"),
        ),
        migrations.AddField(
            model_name="school",
            name="kept_days",
            field=models.PositiveSmallIntegerField(
                default=365,
                validators=[
                    django.core.validators.MinValueValidator(30),
                    django.core.validators.MaxValueValidator(3650),
                ],
                verbose_name="days that work is kept after its school year has ended",
            ),
        ),
        migrations.AddField(
            model_name="school",
            name="scoring_on",
            field=models.BooleanField(default=True, verbose_name="a model proposes levels"),
        ),
        migrations.AddField(
            model_name="school",
            name="training_on",
            field=models.BooleanField(
                default=False,
                verbose_name="decisions about consenting students' work may train adapters",
            ),
        ),
        migrations.AddField(
            model_name="student",
            name="grade_band",
            field=models.CharField(
                blank=True,
                choices=[
                    ("k-2", "kindergarten to grade 2"),
                    ("3-5", "grades 3 to 5"),
                    ("6-8", "grades 6 to 8"),
                    ("9-13", "grade 9 and above"),
                ],
                max_length=4,
                verbose_name="grade band",
            ),
        ),
        migrations.AddField(
            model_name="student",
            name="left_on",
            field=models.DateField(blank=True, null=True, verbose_name="left the school on"),
        ),
        migrations.AddField(
            model_name="student",
            name="sourced_id",
            field=models.CharField(blank=True, max_length=120),
        ),
        migrations.AlterField(
            model_name="auditevent",
            name="school",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="grading.school",
            ),
        ),
        migrations.AlterField(
            model_name="auditevent",
            name="verb",
            field=models.CharField(
                choices=[
                    ("signed_in", "Signed In"),
                    ("signed_out", "Signed Out"),
                    ("failed", "Sign In Failed"),
                    ("viewed", "Viewed"),
                    ("uploaded", "Uploaded"),
                    ("matched", "Matched"),
                    ("removed", "Removed"),
                    ("restored", "Restored"),
                    ("retried", "Retried"),
                    ("edited", "Edited"),
                    ("changed", "Changed"),
                    ("confirmed", "Confirmed"),
                    ("withdrawn", "Withdrawn"),
                    ("released", "Released"),
                    ("hidden", "Hidden"),
                    ("appealed", "Appealed"),
                    ("noted", "Noted"),
                    ("exported", "Exported"),
                    ("shared", "Shared"),
                    ("revoked", "Revoked"),
                    ("opened", "Opened"),
                    ("promoted", "Promoted"),
                    ("invited", "Invited"),
                    ("joined", "Joined"),
                    ("permitted", "Permitted"),
                    ("forbidden", "Forbidden"),
                    ("created", "Created"),
                    ("archived", "Archived"),
                    ("imported", "Imported"),
                    ("consented", "Consented"),
                    ("held", "Held"),
                    ("lifted", "Lifted"),
                    ("amended", "Amended"),
                    ("erased", "Erased"),
                ],
                max_length=12,
            ),
        ),
        migrations.AlterField(
            model_name="classroom",
            name="grade",
            field=models.PositiveSmallIntegerField(
                blank=True,
                null=True,
                validators=[django.core.validators.MaxValueValidator(13)],
                verbose_name="grade",
            ),
        ),
        migrations.AddIndex(
            model_name="auditevent",
            index=models.Index(fields=["school", "at"], name="audit_of_a_school"),
        ),
        migrations.AddIndex(
            model_name="auditevent",
            index=models.Index(fields=["actor", "verb", "at"], name="audit_of_a_person"),
        ),
        migrations.AddField(
            model_name="amendment",
            name="by",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="amendment",
            name="student",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="amendments",
                to="grading.student",
            ),
        ),
        migrations.AddField(
            model_name="consent",
            name="recorded_by",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="consent",
            name="student",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="consents",
                to="grading.student",
            ),
        ),
        migrations.AddField(
            model_name="erasurereceipt",
            name="by",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="erasurereceipt",
            name="school",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="erasures",
                to="grading.school",
            ),
        ),
        migrations.AddField(
            model_name="doomedfile",
            name="receipt",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="doomed_files",
                to="grading.erasurereceipt",
            ),
        ),
        migrations.AddField(
            model_name="invitation",
            name="accepted_by",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="invitation",
            name="invited_by",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="invitation",
            name="school",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="invitations",
                to="grading.school",
            ),
        ),
        migrations.AddField(
            model_name="legalhold",
            name="lifted_by",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="legalhold",
            name="placed_by",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="legalhold",
            name="school",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="holds",
                to="grading.school",
            ),
        ),
        migrations.AddField(
            model_name="legalhold",
            name="student",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="holds",
                to="grading.student",
            ),
        ),
        migrations.AddField(
            model_name="rosterimport",
            name="applied_by",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="rosterimport",
            name="school",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="roster_imports",
                to="grading.school",
            ),
        ),
        migrations.AddField(
            model_name="rosterimport",
            name="undone_by",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="rosterimport",
            name="uploaded_by",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="schoolyear",
            name="school",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="years",
                to="grading.school",
            ),
        ),
        migrations.AddField(
            model_name="rosterimport",
            name="year",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="roster_imports",
                to="grading.schoolyear",
            ),
        ),
        migrations.AddField(
            model_name="legalhold",
            name="year",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="holds",
                to="grading.schoolyear",
            ),
        ),
        migrations.AddField(
            model_name="classroom",
            name="year",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="classrooms",
                to="grading.schoolyear",
            ),
        ),
        migrations.AddField(
            model_name="teaching",
            name="classroom",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="teachings",
                to="grading.classroom",
            ),
        ),
        migrations.AddField(
            model_name="teaching",
            name="user",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="teachings",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="term",
            name="year",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="terms",
                to="grading.schoolyear",
            ),
        ),
        migrations.AddField(
            model_name="trainingitem",
            name="annotation",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to="grading.annotation",
            ),
        ),
        migrations.AddField(
            model_name="trainingset",
            name="adapters",
            field=models.ManyToManyField(related_name="training_sets", to="grading.adapterversion"),
        ),
        migrations.AddField(
            model_name="trainingset",
            name="made_by",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="trainingset",
            name="rubric_version",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="training_sets",
                to="grading.rubricversion",
            ),
        ),
        migrations.AddField(
            model_name="trainingitem",
            name="training_set",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="items",
                to="grading.trainingset",
            ),
        ),
        migrations.AddConstraint(
            model_name="invitation",
            constraint=models.UniqueConstraint(
                condition=models.Q(("accepted_at", None), ("revoked_at", None)),
                fields=("school", "email", "role"),
                name="one_open_invitation_each",
            ),
        ),
        migrations.AddConstraint(
            model_name="schoolyear",
            constraint=models.UniqueConstraint(
                fields=("school", "name"), name="one_year_of_a_name"
            ),
        ),
        migrations.AddConstraint(
            model_name="schoolyear",
            constraint=models.CheckConstraint(
                condition=models.Q(("ends_on__gt", models.F("starts_on"))),
                name="a_year_ends_after_it_starts",
            ),
        ),
        migrations.AddConstraint(
            model_name="legalhold",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("student", None), ("year__isnull", False)),
                    models.Q(("student__isnull", False), ("year", None)),
                    _connector="OR",
                ),
                name="holds_a_student_or_a_year",
            ),
        ),
        migrations.AddConstraint(
            model_name="teaching",
            constraint=models.UniqueConstraint(fields=("classroom", "user"), name="teaches_once"),
        ),
        migrations.AddConstraint(
            model_name="term",
            constraint=models.UniqueConstraint(fields=("year", "name"), name="one_term_of_a_name"),
        ),
        migrations.AddConstraint(
            model_name="term",
            constraint=models.CheckConstraint(
                condition=models.Q(("ends_on__gt", models.F("starts_on"))),
                name="a_term_ends_after_it_starts",
            ),
        ),
    ]
