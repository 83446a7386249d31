"""Pages of findings, households, policies and warnings."""

from django.urls import path

from zhizhi.apps.assistance.views import cockpit, findings, household, policies, search, warnings

app_name = "assistance"
prefix = "assistance/"

urlpatterns = [
    path("cockpit", cockpit.cockpit, name="cockpit"),
    path("findings", findings.findings, name="findings"),
    path("findings.xlsx", findings.findings_export, name="findings-export"),
    path("findings/act", findings.findings_act, name="findings-act"),
    path("findings/filters", findings.findings_filter_keep, name="findings-filter-keep"),
    path("households/<slug:pseudonym>", household.household, name="household"),
    path("households/<slug:pseudonym>/aid", household.record_aid, name="household-aid"),
    path("households/<slug:pseudonym>/beside", household.beside, name="household-beside"),
    path("search", search.search, name="search"),
    path("search/household", search.find_household, name="household-find"),
    path("policies", policies.policies, name="policies"),
    path("policies/<slug:policy_id>", policies.policy, name="policy"),
    path("policies/<slug:policy_id>/try", policies.try_figures, name="policy-try"),
    path("whatifs/<int:whatif_id>", policies.whatif, name="whatif"),
    path("whatifs/<int:whatif_id>/draft", policies.save_draft, name="policy-draft-save"),
    path("drafts/<int:draft_id>", policies.draft, name="policy-draft"),
    path("drafts/<int:draft_id>/overlay.yaml", policies.draft_file, name="policy-draft-file"),
    path("warnings", warnings.warnings, name="warnings"),
    path("warnings/<slug:warning_id>", warnings.warning, name="warning"),
    path("warnings/<slug:warning_id>/curve", warnings.ask_curve, name="warning-curve"),
]
