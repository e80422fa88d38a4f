"""What every test may ask for."""

from tests.support.mail import mail_stack, short_folder, stack_folder

__all__ = ["mail_stack", "short_folder", "stack_folder"]
