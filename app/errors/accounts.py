"""Failures about who somebody is, what their account may do, and how they come in."""

from app.errors.base import AppError


class NameTaken(AppError):
    """There is an account of this name or one that looks like it, or the name belongs to another role."""

    status = 409


class NameInvalid(AppError):
    """The name has characters that are not allowed, or could be mistaken for another name."""

    status = 422


class PasswordTooShort(AppError):
    """The password is too easy to guess."""

    status = 422


class PasswordsDiffer(AppError):
    """A password that was to be typed twice was typed in two ways."""

    status = 422


class WrongLogin(AppError):
    """No such account, a wrong password, or a disabled account: which of them is not told."""

    status = 401


class AccountDisabled(AppError):
    """A disabled account gets no tokens."""

    status = 409


class LastAdmin(AppError):
    """Without this account nobody would be an enabled admin."""

    status = 409


class NoAccountsYet(AppError):
    """The server has no accounts, so there is nobody to invite others; the first one is made on its machine."""

    status = 409


class NotLoggedIn(AppError):
    """The request has neither a session nor a token that is in force."""

    status = 401


class NotAllowed(AppError):
    """The account's role does not include this."""

    status = 403


class TooManyAttempts(AppError):
    """Too many failed logins; the context says how many seconds to wait."""

    status = 429


class TooManyLogins(AppError):
    """More logins come at once than passwords can be checked; the context says how many seconds to wait."""

    status = 503


class NoAccounts(AppError):
    """The server would be reachable from other machines, and there is no account."""

    status = 503
