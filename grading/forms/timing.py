from django import forms


class TimeForm(forms.Form):
    seconds = forms.IntegerField(min_value=0)
