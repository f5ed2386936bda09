"""Tables of people, organisations, grants of roles (habilitations) and partner credentials; no rules."""

from typing import ClassVar

from asgiref.sync import sync_to_async
from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.hashers import check_password, make_password
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower
from django.utils.crypto import salted_hmac

from fanal.accounts.domain.records import (
    DeskRecord,
    OrganisationKind,
    ReviewVerdict,
    canonical_login,
)
from fanal.kernel.actors import Role

ROLE_CHOICES = [(role.value, role.value) for role in Role]


class Desk(models.Model):
    """A desk: the unit of the service that reports, dossiers and removal requests belong to (`desk_id`).

    `code` is its short unique name, `name` the display name, `contact` how to reach it, as free text.
    """

    id = models.IntegerField(primary_key=True)
    code = models.CharField(max_length=40, unique=True)
    name = models.CharField(max_length=200)
    name_en = models.CharField(max_length=200, default="", db_default="", blank=True)
    territory = models.CharField(max_length=200, default="", db_default="", blank=True)
    contact = models.CharField(max_length=200, blank=True)
    closed_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.code

    def record(self) -> DeskRecord:
        """Return the row as the record that queries return."""
        return DeskRecord(
            id=self.id,
            code=self.code,
            name=self.name,
            name_en=self.name_en,
            territory=self.territory,
            contact=self.contact,
            closed_at=self.closed_at,
        )


class Organisation(models.Model):
    """An organisation that works with a desk: a partner, provider, laboratory or authority.

    `kind` is an `OrganisationKind`; `created_at` is when it was registered.
    """

    id = models.UUIDField(primary_key=True)
    kind = models.CharField(max_length=20, choices=[(k.value, k.value) for k in OrganisationKind])
    name = models.CharField(max_length=200, unique=True)
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.name


class Person(models.Model):
    """A natural person, a partner's program or the system itself: the author of acts, whatever the account.

    `organisation` is the person's organisation outside the desks, None for the desk's own people.
    """

    id = models.UUIDField(primary_key=True)
    name = models.CharField(max_length=200)
    organisation = models.ForeignKey(
        Organisation, on_delete=models.PROTECT, null=True, related_name="people"
    )
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.name


class UserManager(BaseUserManager["User"]):
    """Django manager of accounts, which finds an account by its login in normal form."""

    def get_by_natural_key(self, username: str | None) -> "User":
        """Return the account with this login, whatever its case or character width.

        Raises:
            User.DoesNotExist: no such account.
        """
        return self.get(username=canonical_login(username or ""))


class User(AbstractBaseUser):
    """An account, by which a person signs in. It gives no rights: habilitations (grants of roles) do.

    `username` is the login in normal form (`canonical_login`). `is_active` is false once the account is
    closed; `is_demo` marks an account of the synthetic demo. `objects` is Django's manager; no further field
    is required to create one.
    """

    username = models.CharField(max_length=150, unique=True)
    email = models.EmailField(blank=True)
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="accounts")
    is_active = models.BooleanField(default=True)
    is_demo = models.BooleanField(default=False)
    session_epoch = models.PositiveIntegerField(default=0)
    """Incremented to end every session of the account at once."""
    dense_rows = models.BooleanField(default=False, db_default=False)
    """Whether the person wants the queue's rows on one line each."""
    tour_seen = models.BooleanField(default=False, db_default=False)
    """Whether the person has seen or left the tour, which the home page offers at the first sign-in."""
    date_joined = models.DateTimeField()

    objects: ClassVar[UserManager] = UserManager()
    USERNAME_FIELD = "username"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(username=Lower("username")), name="accounts_user_login_is_lower"
            ),
        ]

    def __str__(self) -> str:
        return self.person.name

    def clean(self) -> None:
        """Replace the login by its normal form (`canonical_login`); Django calls this in model validation."""
        super().clean()
        self.username = canonical_login(self.username)

    def check_password(self, raw_password: str | None) -> bool:
        """Return whether this is the account's password; store it with the present hasher if it is not yet.

        It is stored only in place of the value that was verified: a sign-in that is under way never brings
        back a password that was changed or reset meanwhile.
        """
        verified, lost = self.password, False

        def upgrade(raw: str) -> None:
            nonlocal lost
            encoded = make_password(raw)
            same = type(self).objects.filter(pk=self.pk, password=verified)
            lost = not same.update(password=encoded)
            if not lost:
                self.password = encoded

        correct = check_password(raw_password, verified, upgrade)
        if lost:
            self.refresh_from_db(fields=["password"])
            return check_password(raw_password, self.password)
        return correct

    async def acheck_password(self, raw_password: str | None) -> bool:
        """Return what `check_password` returns, for asynchronous code."""
        return await sync_to_async(self.check_password)(raw_password)

    def _get_session_auth_hash(self, secret: str | None = None) -> str:
        """Return a hash over password and session epoch, so that a new epoch ends every session.

        `secret`: the key of the hash, passed by Django while secret keys are rotated; None: the present key.
        """
        value = f"{self.password}|{self.session_epoch}"
        hashed = salted_hmac("fanal.accounts.session", value, secret=secret, algorithm="sha256")
        return hashed.hexdigest()


class Habilitation(models.Model):
    """A formal grant of a role (`role`) to a person at a desk or organisation, for a period. Append-only.

    `act_reference` names the legal act that it follows. It applies from `valid_from` to `valid_until`
    (excluded). `desk` and `organisation` are None where the role has none.
    """

    id = models.UUIDField(primary_key=True)
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="habilitations")
    role = models.CharField(max_length=20, choices=ROLE_CHOICES)
    desk = models.ForeignKey(Desk, on_delete=models.PROTECT, null=True, related_name="+")
    organisation = models.ForeignKey(
        Organisation, on_delete=models.PROTECT, null=True, related_name="+"
    )
    act_reference = models.CharField(max_length=200)
    valid_from = models.DateTimeField()
    valid_until = models.DateTimeField()
    granted_by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    granted_at = models.DateTimeField()
    needs_approval = models.BooleanField(default=False)
    """Set by a trigger: a role that approves others' acts, granted by a person, needs a second granter."""

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=~Q(granted_by=F("person")), name="accounts_habilitation_not_by_oneself"
            ),
            models.CheckConstraint(
                condition=Q(valid_until__gt=F("valid_from")),
                name="accounts_habilitation_ends_after_start",
            ),
            models.CheckConstraint(
                condition=~Q(act_reference=""), name="accounts_habilitation_names_its_act"
            ),
        ]
        indexes = [
            models.Index(fields=["person", "valid_until"], name="accounts_habilitation_person"),
            models.Index(fields=["desk", "valid_until"], name="accounts_habilitation_desk"),
        ]

    def __str__(self) -> str:
        return f"{self.role} {self.person_id}"


class HabilitationApproval(models.Model):
    """The approval of a habilitation (grant of a role) by a second granter. Append-only.

    `granted_by_id` repeats the first granter, so that the database can require another person as
    `approver_id`.
    """

    habilitation = models.OneToOneField(
        Habilitation, on_delete=models.PROTECT, primary_key=True, related_name="approval"
    )
    granted_by_id = models.UUIDField()
    approver_id = models.UUIDField()
    approved_at = models.DateTimeField()

    class Meta:
        managed = False
        db_table = "accounts_habilitation_approval"

    def __str__(self) -> str:
        return str(self.habilitation_id)


class Revocation(models.Model):
    """The revocation of a habilitation (grant of a role) before its expiry. Append-only.

    `reason_code` is a `RevocationReason`.
    """

    habilitation = models.OneToOneField(
        Habilitation, on_delete=models.PROTECT, primary_key=True, related_name="revocation"
    )
    revoked_at = models.DateTimeField()
    revoked_by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    reason_code = models.CharField(max_length=40)

    def __str__(self) -> str:
        return f"{self.habilitation_id} {self.reason_code}"


class Review(models.Model):
    """A quarterly review of a habilitation (grant of a role). Append-only.

    `reviewed_by` decided at `reviewed_at` that the person keeps or loses the role (`verdict`, a
    `ReviewVerdict`).
    """

    id = models.UUIDField(primary_key=True)
    habilitation = models.ForeignKey(Habilitation, on_delete=models.PROTECT, related_name="reviews")
    reviewed_at = models.DateTimeField()
    reviewed_by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    verdict = models.CharField(max_length=10, choices=[(v.value, v.value) for v in ReviewVerdict])

    class Meta:
        indexes = [
            models.Index(fields=["habilitation", "reviewed_at"], name="accounts_review_last")
        ]

    def __str__(self) -> str:
        return f"{self.habilitation_id} {self.verdict}"


class PartnerCredential(models.Model):
    """An API credential of a partner: a password for HTTP Basic and a token for Bearer, as SHA-256 digests.

    `organisation` is the partner, `login` the user name for HTTP Basic, `person` the author named in the
    ledger for acts with this credential. `quota_per_minute` is the number of calls allowed in a minute, None
    for no limit; `revoked_at` is None unless revoked. A public node may not read these rows: the function
    `accounts_credential_of` checks a secret for it.
    """

    id = models.UUIDField(primary_key=True)
    organisation = models.ForeignKey(
        Organisation, on_delete=models.PROTECT, related_name="credentials"
    )
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    login = models.CharField(max_length=150, unique=True)
    password_digest = models.BinaryField(max_length=32)
    token_digest = models.BinaryField(max_length=32, unique=True)
    quota_per_minute = models.PositiveIntegerField(null=True)
    created_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(login=Lower("login")), name="accounts_credential_login_is_lower"
            ),
            models.CheckConstraint(
                condition=Q(quota_per_minute__isnull=True) | Q(quota_per_minute__gt=0),
                name="accounts_credential_quota_positive",
            ),
        ]

    def __str__(self) -> str:
        return self.login


class PartnerUsage(models.Model):
    """The number of calls made with an API credential in one minute, compared with its quota.

    `minute` is the start of that minute, `used` the number of calls.
    """

    pk = models.CompositePrimaryKey("credential_id", "minute")
    credential = models.ForeignKey(PartnerCredential, on_delete=models.CASCADE, related_name="+")
    minute = models.DateTimeField()
    used = models.PositiveIntegerField()

    def __str__(self) -> str:
        return f"{self.credential_id} {self.minute:%H:%M}"


class Counter(models.Model):
    """A value (JSON) with an expiry, for the limits on sign-in: used codes, failed attempts, lock-outs.

    All processes share it. `digest` is the keyed digest of its name; from `expires_at` on it counts as
    absent.
    """

    digest = models.BinaryField(primary_key=True)
    value = models.JSONField()
    expires_at = models.DateTimeField()

    def __str__(self) -> str:
        return bytes(self.digest).hex()


class Instruction(models.Model):
    """A standing instruction, as proposed: permission for recurring transmissions without an act each time.

    `kind` is an `InstructionKind`; `names` are the providers, recipients, lists or counterparts (by the kind)
    that it covers, empty for all; `members` the organisations that may read the lists of a LIST_SERVICE.
    `grounds` are the reasons, `basis` the legal basis. It applies from `valid_from` to `expires_at`
    (excluded). Append-only; expiry erases only the grounds.
    """

    id = models.UUIDField(primary_key=True)
    kind = models.TextField()
    names = ArrayField(models.TextField())
    members = ArrayField(models.TextField())
    grounds = models.TextField()
    basis = models.TextField()
    valid_from = models.DateTimeField()
    expires_at = models.DateTimeField()
    proposer = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    proposed_at = models.DateTimeField()

    class Meta:
        managed = False
        db_table = "accounts_instruction"

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"


class InstructionSecond(models.Model):
    """The approval of a standing instruction by a second person (`second_id`), at `seconded_at`. Append-only.

    `proposer_id` repeats the proposer, so that the database can require another person. A standing
    instruction permits recurring transmissions.
    """

    instruction = models.OneToOneField(
        Instruction, on_delete=models.PROTECT, primary_key=True, related_name="second"
    )
    proposer_id = models.UUIDField()
    second_id = models.UUIDField()
    seconded_at = models.DateTimeField()

    class Meta:
        managed = False
        db_table = "accounts_instruction_second"

    def __str__(self) -> str:
        return str(self.instruction_id)


class InstructionEnd(models.Model):
    """The revocation of a standing instruction before its expiry, with its reason.

    A standing instruction permits recurring transmissions; `revoked_by` is the person who ended it.
    Append-only; expiry erases only the reason.
    """

    instruction = models.OneToOneField(
        Instruction, on_delete=models.PROTECT, primary_key=True, related_name="end"
    )
    revoked_by = models.UUIDField()
    revoked_at = models.DateTimeField()
    reason = models.TextField()

    class Meta:
        managed = False
        db_table = "accounts_instruction_end"

    def __str__(self) -> str:
        return str(self.instruction_id)


class Reset(models.Model):
    """A proposal to reset a person's sign-in, open until `expires_at` (a day). Append-only.

    The password is always reset, with `factors` the second factors too. `reason_code` is a `ResetReason`.
    """

    id = models.UUIDField(primary_key=True)
    person_id = models.UUIDField()
    factors = models.BooleanField()
    reason_code = models.TextField()
    proposer_id = models.UUIDField()
    proposed_at = models.DateTimeField()
    expires_at = models.DateTimeField()

    class Meta:
        managed = False
        db_table = "accounts_reset"

    def __str__(self) -> str:
        return str(self.id)


class ResetEnd(models.Model):
    """The end of a proposed reset of a person's sign-in. Append-only.

    `outcome` is CONFIRMED or WITHDRAWN, `by_id` the person who did so. A reset that expired has no such row.
    """

    reset = models.OneToOneField(
        Reset, on_delete=models.PROTECT, primary_key=True, related_name="end"
    )
    outcome = models.TextField()
    by_id = models.UUIDField()
    ended_at = models.DateTimeField()

    class Meta:
        managed = False
        db_table = "accounts_reset_end"

    def __str__(self) -> str:
        return f"{self.reset_id} {self.outcome}"
