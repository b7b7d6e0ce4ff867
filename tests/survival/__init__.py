"""What takes down, hangs or interrupts the doctor."""
