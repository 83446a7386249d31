"""The page of jobs."""

from django.urls import URLPattern, path

from zhizhi.apps.jobs import views

app_name = "jobs"
prefix = "jobs/"

urlpatterns: list[URLPattern] = [path("", views.job_page, name="jobs")]
