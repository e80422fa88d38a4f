"""What every test may ask for."""

from hypothesis import settings

from tests.support.mail import mail_stack, short_folder, stack_folder

__all__ = ["mail_stack", "short_folder", "stack_folder"]

settings.register_profile("house", deadline=None)  # how long one example takes says nothing on a busy machine
settings.load_profile("house")
