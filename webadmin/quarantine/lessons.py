"""Has spam engines learn a quarantined message: the buttons on its page, and what came of them."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

from gateway.models import QuarantinedCopy
from gateway.models.lesson import LessonKind
from gateway.operations import learn
from gateway.operations.delete import LIVE
from gateway.operations.release import RELEASABLE
from webadmin.rows import Copies, who

PERMISSION = "gateway.add_lesson"
