"""What is typed about certificates."""

from django import forms

from ..models import Certificate, LetterPolicy

DAY = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")


class CertificateForm(forms.ModelForm):
    """An approval, of the wording that the page shows."""

    wording = forms.CharField(widget=forms.HiddenInput)

    class Meta:
        model = Certificate
        fields = ["job_bag", "approved_by_name", "approved_on", "expires_on"]
        widgets = {"approved_on": DAY}


class PolicyForm(forms.ModelForm):
    """From when the company asks for certificates."""

    class Meta:
        model = LetterPolicy
        fields = ["certified_from_on"]
        widgets = {"certified_from_on": DAY}
