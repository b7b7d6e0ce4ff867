"""Collects facts as the server's user, without a verdict.

Import the modules themselves (:mod:`ovms_doctor.probes.local` is the facade): each child process imports this
package, and so would run every import here.
"""
