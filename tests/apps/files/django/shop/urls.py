"""The URLs of the shop."""

from django.contrib import admin
from django.urls import path
from rest_framework import routers

from shop import views

router = routers.SimpleRouter()
router.register("users", views.Users)

urlpatterns = [
    path("admin/", admin.site.urls),
    path("hello/", views.hello),
    path("boom/", views.boom),
    path("stream/", views.stream),
    path("stream/broken/", views.broken_stream),
    path("file/", views.file),
    path("order/", views.order),
    path("missing/", views.missing),
    path("denied/", views.denied),
    path("suspicious/", views.suspicious),
    path("unavailable/", views.unavailable),
    path("warning/", views.warning),
    path("api/fail/", views.Fail.as_view()),
    path("api/refuse/", views.Refuse.as_view()),
    path("api/open/", views.Open.as_view()),
    *router.urls,
]
