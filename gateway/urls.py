"""All URLs are the console's."""

from django.urls import include, path

urlpatterns = [path("", include("webadmin.urls"))]
