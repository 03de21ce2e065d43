"""Rows that are written once: what the model said, and what a person decided."""

from __future__ import annotations

from typing import Never, TypeVar

from django.db import models


class FrozenError(TypeError):
    """Somebody tried to change a row that is a record. Write a new row instead."""


ModelT = TypeVar("ModelT", bound=models.Model)


class FrozenQuerySet(models.QuerySet[ModelT]):
    def update(self, **kwargs) -> Never:
        raise FrozenError(f"{self.model.__name__} rows are never changed: write a new one")

    def bulk_update(self, objs, fields, batch_size=None) -> Never:
        raise FrozenError(f"{self.model.__name__} rows are never changed: write a new one")


class FrozenModel(models.Model):
    objects = FrozenQuerySet.as_manager()

    class Meta:
        abstract = True

    def save(self, *args, **kwargs) -> None:
        if not self._state.adding:
            raise FrozenError(f"{type(self).__name__} rows are never changed: write a new one")
        super().save(*args, **kwargs)
