"""Never comes to its end."""

import time

time.sleep(3600)
