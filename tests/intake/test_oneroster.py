"""OneRoster 1.2 ZIPs of our own making: bulk, delta, several schools, and unsafe ones."""

from __future__ import annotations

import csv
import io
import stat
import zipfile
from datetime import date

import pytest

from grading.intake.checks import RefusedUpload
from grading.intake.oneroster import is_oneroster, read_oneroster

TODAY = date(2026, 11, 2)
COLUMNS = {
    "manifest": "propertyName,value",
    "orgs": "sourcedId,status,dateLastModified,name,type,identifier,parentSourcedId",
    "academicSessions": "sourcedId,status,dateLastModified,title,type,startDate,endDate,"
    "parentSourcedId,schoolYear",
    "users": "sourcedId,status,dateLastModified,enabledUser,username,userIds,givenName,familyName,"
    "middleName,identifier,email,sms,phone,agentSourcedIds,grades,password,preferredGivenName",
    "roles": "sourcedId,status,dateLastModified,userSourcedId,roleType,role,beginDate,endDate,"
    "orgSourcedId,userProfileSourcedId",
    "classes": "sourcedId,status,dateLastModified,title,grades,courseSourcedId,classCode,classType,"
    "location,schoolSourcedId,termSourcedIds,subjects,subjectCodes,periods",
    "enrollments": "sourcedId,status,dateLastModified,classSourcedId,schoolSourcedId,"
    "userSourcedId,role,primary,beginDate,endDate",
    "demographics": "sourcedId,status,dateLastModified,birthDate,sex",
}  # fmt: skip
MODES = ("orgs", "academicSessions", "users", "roles", "classes", "enrollments")


def oneroster(mode="bulk", version="1.2", without=(), extra=None, **tables) -> bytes:
    """A ZIP; a table is a list of rows as dicts, its other columns are empty."""
    said = {f"file.{name}": mode if name in tables else "absent" for name in MODES}
    manifest = {"manifest.version": "1.0", "oneroster.version": version, **said}
    tables["manifest"] = [{"propertyName": k, "value": v} for k, v in manifest.items()]
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, rows in tables.items():
            text = io.StringIO(newline="")
            writer = csv.DictWriter(text, COLUMNS[name].split(","), restval="")
            writer.writeheader()
            writer.writerows(rows)
            if name not in without:
                archive.writestr(f"{name}.csv", text.getvalue())
        for name, content in (extra or {}).items():
            archive.writestr(name, content)
    return file.getvalue()


def user(key, given, family, **more):
    return {"sourcedId": key, "givenName": given, "familyName": family, **more}


def enrolled(user_key, class_key="c1", role="student", **more):
    return {"sourcedId": f"e-{class_key}-{user_key}", "classSourcedId": class_key,
            "schoolSourcedId": "s1", "userSourcedId": user_key, "role": role, **more}  # fmt: skip


def a_class(key="c1", title="3B", **more):
    return {"sourcedId": key, "title": title, "schoolSourcedId": "s1", **more}


SCHOOL = {
    "orgs": [{"sourcedId": "s1", "name": "Riverside", "type": "school"}],
    "academicSessions": [{"sourcedId": "y1", "type": "schoolYear", "endDate": "2027-07-31"},
                         {"sourcedId": "y0", "type": "schoolYear", "endDate": "2026-07-31"}],
    "users": [
        user("u1", "Amara", "Bauer", identifier="0071", grades="03", email="amara@home.example",
             phone="555"),
        user("u2", "Benjamin", "Tan", identifier="0072", preferredGivenName="Ben"),
        user("t1", "Alice", "Teacher", email="Alice@Example.org"),
        user("t2", "Nora", "Newcomer", email="nora@example.org"),
    ],
    "roles": [{"sourcedId": f"r{k}", "userSourcedId": k, "role": r}
              for k, r in (("u1", "student"), ("u2", "student"), ("t1", "teacher"),
                           ("t2", "teacher"))],
    "classes": [a_class(grades="03", termSourcedIds="y1"),
                a_class("c2", "Art", grades="03,04", termSourcedIds="y1")],
    "enrollments": [enrolled("u1"), enrolled("u2"), enrolled("u1", "c2"),
                    enrolled("t1", role="teacher"), enrolled("t2", role="teacher")],
    "demographics": [{"sourcedId": "u1", "birthDate": "2018-01-02", "sex": "female"}],
}  # fmt: skip


def changed(**tables) -> dict:
    return {**SCHOOL, **tables}


class TestReading:
    def test_students_are_read_with_their_classes(self):
        content = oneroster(**SCHOOL)
        assert is_oneroster(content)
        found = read_oneroster(content, TODAY)
        students = [e for e in found.entries if not e.teacher]
        assert [
            (e.first, e.last, e.number, e.grade, e.classroom, e.class_grade, e.sourced_id)
            for e in students
        ] == [
            ("Amara", "Bauer", "0071", 3, "3B", 3, "u1"),
            ("Ben", "Tan", "0072", None, "3B", 3, "u2"),
            ("Amara", "Bauer", "0071", 3, "Art", None, "u1"),
        ]  # fmt: skip
        assert found.schools == {"s1": "Riverside"}
        assert [e.ends for e in students] == ["2027-07-31"] * 3
        assert not found.is_delta

    def test_e_mails_stand_apart_and_birth_dates_are_never_opened(self):
        found = read_oneroster(oneroster(**SCHOOL), TODAY)
        assert found.emails == {"t1": "alice@example.org", "t2": "nora@example.org"}
        said = str(found.entries)
        assert "@" not in said
        assert "2018" not in said
        assert "555" not in said

    def test_what_is_to_be_deleted_leaves(self):
        tables = changed(
            users=[*SCHOOL["users"][:1], user("u2", "Ben", "Tan", status="tobedeleted")],
            enrollments=[enrolled("u1", status="tobedeleted"), enrolled("u2")],
        )
        one, other = read_oneroster(oneroster("delta", **tables), TODAY).entries
        assert (one.leaves, one.gone, other.leaves, other.gone) == (True, False, False, True)

    def test_an_enrollment_that_has_ended_is_over(self):
        tables = changed(enrollments=[enrolled("u1", endDate="2026-10-01"),
                                      enrolled("u2", endDate="2027-07-31")])  # fmt: skip
        entries = read_oneroster(oneroster(**tables), TODAY).entries
        assert [e.leaves for e in entries] == [True, False]

    def test_a_delta_may_name_nobody_new(self):
        content = oneroster("delta", enrollments=[enrolled("u1")])
        found = read_oneroster(content, TODAY)
        assert found.is_delta
        assert [(e.sourced_id, e.first, e.class_sourced_id) for e in found.entries] == [
            ("u1", "", "c1")
        ]

    def test_what_leads_nowhere_is_named(self):
        tables = changed(enrollments=[enrolled("u9"), enrolled("u1", "c9")])
        entries = read_oneroster(oneroster(**tables), TODAY).entries
        assert [e.problem for e in entries if e.file == "enrollments.csv"] == [
            "unknown_user", "unknown_class",
        ]  # fmt: skip
        assert [e.line for e in entries[:2]] == [2, 3]

    def test_classes_of_one_title_are_told_apart(self):
        tables = changed(classes=[a_class("c1", "Art", classCode="A1"), a_class("c2", "Art")])
        titles = {e.classroom for e in read_oneroster(oneroster(**tables), TODAY).entries}
        assert titles == {"Art (A1)", "Art (c2)"}


class TestRefused:
    def code(self, content: bytes) -> str:
        with pytest.raises(RefusedUpload) as refused:
            read_oneroster(content, TODAY)
        assert str(refused.value.reason)
        return refused.value.code

    @pytest.mark.parametrize(
        ("content", "code"),
        [
            (oneroster(version="1.1", **SCHOOL), "version"),
            (oneroster(without=("manifest",), **SCHOOL), "no_manifest"),
            (oneroster(without=("users",), **SCHOOL), "missing"),
            (oneroster(extra={"../users.csv": "x"}, **SCHOOL), "unsafe_path"),
            (oneroster(extra={"/etc/passwd": "x"}, **SCHOOL), "unsafe_path"),
            (oneroster(extra={"a\\..\\..\\b.csv": "x"}, **SCHOOL), "unsafe_path"),
            (oneroster(extra={"inner.zip": "x"}, **SCHOOL), "nested_archive"),
            (oneroster(extra={"other/users.csv": "x"}, **SCHOOL), "duplicate_name"),
            (oneroster(extra={"big.csv": b" " * 64_000_000}, **SCHOOL), "bomb"),
            (oneroster(extra={f"{n}.csv": "" for n in range(201)}, **SCHOOL), "bomb"),
            (b"PK\x03\x04" + b"x" * 100, "damaged"),
        ],
        ids=lambda value: value if isinstance(value, str) else "",
    )
    def test_what_is_unsafe_or_incomplete_is_refused_in_words(self, content, code):
        assert self.code(content) == code

    def test_a_link_is_refused(self):
        file = io.BytesIO(oneroster(**SCHOOL))
        with zipfile.ZipFile(file, "a") as archive:
            info = zipfile.ZipInfo("more.csv")
            info.external_attr = (stat.S_IFLNK | 0o777) << 16
            archive.writestr(info, "/etc/passwd")
        assert self.code(file.getvalue()) == "unsafe_path"

    def test_other_bytes_and_columns_are_refused(self):
        latin = "sourcedId,givenName,familyName\nu1,Zo\xeb,B\n".encode("latin-1")
        for users, code in ((latin, "damaged"), ("id\n1\n", "columns")):
            content = oneroster(without=("users",), extra={"users.csv": users}, **SCHOOL)
            assert self.code(content) == code

    def test_a_zip_of_something_else_is_no_oneroster_file(self):
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("picture.jpg", "x")
        assert not is_oneroster(file.getvalue())
