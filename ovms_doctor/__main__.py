"""``python -m ovms_doctor``: the same as the command ``ovms-doctor``."""

from ovms_doctor.cli.entry import main

if __name__ == "__main__":
    main()
