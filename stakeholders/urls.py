from django.urls import path

from . import views

app_name = "stakeholders"

urlpatterns = [
    path("people/", views.PeopleList.as_view(), name="people"),
    path("people/<int:pk>/", views.PersonDetail.as_view(), name="person"),
]
