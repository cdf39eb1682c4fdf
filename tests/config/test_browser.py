"""A real browser finds nothing to complain of under our content-security policy."""

from django.urls import reverse


def test_the_sign_in_page_and_the_admin_break_no_policy(page, live_server, django_user_model):
    complaints = []
    page.on("console", lambda said: said.type == "error" and complaints.append(said.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    django_user_model.objects.create_superuser("robin", password="a good long password")

    page.goto(f"{live_server.url}{reverse('admin:index')}")
    page.fill("input[name=login]", "robin")
    page.fill("input[name=password]", "a good long password")
    page.press("input[name=password]", "Enter")
    page.wait_for_url(f"{live_server.url}/admin/")

    assert complaints == []
    assert page.title().startswith("Site administration")
