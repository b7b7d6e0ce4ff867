"""Stores, asked in child processes: the parent's side."""

from ovms_doctor.collect.stores.parent import StoreCollector

__all__ = ["StoreCollector"]
