"""The console's URLs. All of them are the site's."""

from django.contrib import admin
from django.urls import path

urlpatterns = [path("", admin.site.urls)]
