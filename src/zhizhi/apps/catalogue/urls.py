"""Pages of the catalogue."""

from django.urls import URLPattern, path

from zhizhi.apps.catalogue.views import datasets, quarantine, uploads

app_name = "catalogue"
prefix = "catalogue/"

urlpatterns: list[URLPattern] = [
    path("", datasets.dataset_list_page, name="datasets"),
    path("dcat.jsonld", datasets.dcat_page, name="dcat"),
    path("upload", uploads.upload_page, name="upload"),
    path("uploads/<uuid:upload>", uploads.preview_page, name="preview"),
    path("uploads/<uuid:upload>/confirm", uploads.confirm_page, name="upload-confirm"),
    path("uploads/<uuid:upload>/cancel", uploads.cancel_page, name="upload-cancel"),
    path("uploads/<uuid:upload>/again", uploads.again_page, name="upload-again"),
    path("datasets/<slug:dataset>", datasets.dataset_page, name="dataset"),
    path("datasets/<slug:dataset>/quarantine", quarantine.quarantine_page, name="quarantine"),
    path("answers/<int:answer>/withdraw", quarantine.withdraw_page, name="answer-withdraw"),
]
