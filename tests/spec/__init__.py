"""The V0.2xx API as data: its signatures, and what differs here and why."""
