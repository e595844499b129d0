from django.apps import AppConfig


class BatchgenConfig(AppConfig):
    name = "batchgen"
