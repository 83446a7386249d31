"""Pages of the journal."""

from django.urls import URLPattern, path

from zhizhi.apps.journal import views

app_name = "journal"
prefix = "journal/"

urlpatterns: list[URLPattern] = [
    path("", views.events_page, name="events"),
    path("events/<int:event>", views.event_page, name="event"),
    path("events.xlsx", views.events_export_page, name="events-export"),
    path("verify", views.verify_page, name="verify"),
    path("receipt", views.receipt_page, name="receipt"),
    path("receipts/case-<int:case>.tlog-proof", views.receipt_file_page, name="receipt-file"),
    path("ledger.vkey", views.key_page, name="key"),
    path("ledger.tar", views.ledger_export_page, name="ledger-export"),
]
