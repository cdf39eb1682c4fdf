app_name = "footprints"

urlpatterns = []
