from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0027_want_letters_by_kind'),
    ]

    operations = [
        migrations.RemoveField(
            model_name='writinghours',
            name='wants_letters',
        ),
    ]
