"""Stores, queried in child processes: the parent's side."""

from ovms_doctor.probes.stores.parent import StoreCollector

__all__ = ["StoreCollector"]
