"""Routes of sign-in, second factor, account and habilitations (roles); below the language prefix.

allauth's pages for sign-up, e-mail and password reset are not mounted: an administrator opens accounts,
and two people reset a lost password.
"""

from allauth.account import views as allauth_account
from allauth.mfa.urls import urlpatterns as allauth_factors
from allauth.socialaccount import views as allauth_social
from django.urls import URLPattern, URLResolver, include, path

from fanal.web.account import (
    access,
    audit,
    desks,
    duty,
    habilitations,
    installation,
    lists,
    mail_test,
    own_factors,
    people,
    person,
    public_info,
    quarantine,
    resets,
    retention,
    single_sign_on,
    views,
)

urlpatterns: list[URLPattern | URLResolver] = [
    path("login/", views.login, name="account_login"),
    path("login/cancelled/", allauth_social.login_cancelled, name="socialaccount_login_cancelled"),
    path("login/error/", allauth_social.login_error, name="socialaccount_login_error"),
    path("login/with/<str:provider_id>/login/", single_sign_on.begin, name="openid_connect_login"),
    path(
        "login/with/<str:provider_id>/login/callback/",
        single_sign_on.come_back,
        name="openid_connect_callback",
    ),
    path("logout/", allauth_account.logout, name="account_logout"),
    path("account/", views.home, name="account_home"),
    path("account/motive/", views.motive, name="account_motive"),
    path("account/sessions/end/", views.end_sessions, name="account_end_sessions"),
    path("account/password/", views.password, name="account_change_password"),
    path("account/again/", allauth_account.reauthenticate, name="account_reauthenticate"),
    path("account/second-factor/", include(list(own_factors.as_one_act(allauth_factors)))),
    path("account/installation/", installation.installation, name="account_installation"),
    path("account/installation/mail/", mail_test.mail_test, name="account_mail_test"),
    path("account/lists/", lists.lists, name="account_lists"),
    path("account/quarantine/", quarantine.quarantine, name="account_quarantine"),
    path("account/retention/", retention.retention, name="account_retention"),
    path("account/ledger/", audit.search, name="account_ledger"),
    path("account/access/", access.listing, name="account_access"),
    path("account/access/add/", access.add, name="account_access_add"),
    path("account/access/revoke/", access.revoke, name="account_access_revoke"),
    path("account/desks/", desks.listing, name="account_desks"),
    path("account/desks/add/", desks.add, name="account_desk_add"),
    path("account/desks/<int:desk_number>/", desks.show, name="account_desk"),
    path("account/desks/<int:desk_number>/edit/", desks.edit, name="account_desk_edit"),
    path("account/desks/<int:desk_number>/close/", desks.close, name="account_desk_close"),
    path("account/desks/<int:desk_number>/reopen/", desks.reopen, name="account_desk_reopen"),
    path("account/duty/", duty.listing, name="account_duty"),
    path("account/duty/<int:roster_desk>/", duty.show, name="account_duty_desk"),
    path("account/duty/<int:roster_desk>/add/", duty.add, name="account_duty_add"),
    path("account/duty/<int:roster_desk>/end/", duty.end, name="account_duty_end"),
    path("account/duty/<int:roster_desk>/test/", duty.test_call, name="account_duty_test"),
    path("account/public/", public_info.show, name="account_public"),
    path("account/public/number/", public_info.number, name="account_public_number"),
    path("account/public/hours/", public_info.hours, name="account_public_hours"),
    path("account/people/", people.listing, name="account_people"),
    path("account/people/add/", people.add, name="account_add"),
    path("account/people/<uuid:person_id>/", person.show, name="account_person"),
    path("account/people/<uuid:person_id>/edit/", person.edit, name="account_edit"),
    path("account/people/<uuid:person_id>/unlock/", person.unlock, name="account_unlock"),
    path("account/people/<uuid:person_id>/sessions/", person.end_sessions, name="account_sessions"),
    path("account/people/<uuid:person_id>/close/", person.close, name="account_close"),
    path("account/people/<uuid:person_id>/reopen/", person.reopen, name="account_reopen"),
    path("account/people/<uuid:person_id>/reset/", person.propose, name="account_reset_propose"),
    path("account/resets/", resets.listing, name="account_resets"),
    path("account/resets/refuse/", resets.refuse, name="account_reset_refuse"),
    path("account/resets/<uuid:reset_id>/", resets.show, name="account_reset"),
    path("account/resets/<uuid:reset_id>/confirm/", resets.confirm, name="account_reset_confirm"),
    path(
        "account/resets/<uuid:reset_id>/withdraw/", resets.withdraw, name="account_reset_withdraw"
    ),
    path("account/habilitations/", habilitations.listing, name="account_habilitations"),
    path("account/habilitations/grant/", habilitations.grant, name="account_grant"),
    path(
        "account/habilitations/<uuid:habilitation_id>/",
        habilitations.show,
        name="account_habilitation",
    ),
    path(
        "account/habilitations/<uuid:habilitation_id>/review/",
        habilitations.review,
        name="account_review",
    ),
    path(
        "account/habilitations/<uuid:habilitation_id>/approve/",
        habilitations.approve,
        name="account_approve",
    ),
    path(
        "account/habilitations/<uuid:habilitation_id>/revoke/",
        habilitations.revoke,
        name="account_revoke",
    ),
]
