"""Addresses."""

from chat import views
from django.urls import path

urlpatterns = [
    path("", views.page),
    path("history", views.history),
    path("ask", views.ask),
    path("decide", views.decide),
    path("stop", views.stop),
    path("clear", views.clear),
    path("answer", views.answer),
]
