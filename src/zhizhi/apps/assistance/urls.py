"""Pages of findings, households, policies and warnings."""

from django.urls import path

from zhizhi.apps.assistance.views import policies

app_name = "assistance"
prefix = "assistance/"

urlpatterns = [
    path("policies", policies.policies, name="policies"),
    path("policies/<slug:policy_id>", policies.policy, name="policy"),
    path("policies/<slug:policy_id>/try", policies.try_figures, name="policy-try"),
    path("whatifs/<int:whatif_id>", policies.whatif, name="whatif"),
    path("whatifs/<int:whatif_id>/draft", policies.save_draft, name="policy-draft-save"),
    path("drafts/<int:draft_id>", policies.draft, name="policy-draft"),
    path("drafts/<int:draft_id>/overlay.yaml", policies.draft_file, name="policy-draft-file"),
]
