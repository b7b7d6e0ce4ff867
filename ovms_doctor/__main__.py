"""``python -m ovms_doctor``: the same as the command ``ovms-doctor``."""

from ovms_doctor.cli.entry import run_program

if __name__ == "__main__":
    run_program()
