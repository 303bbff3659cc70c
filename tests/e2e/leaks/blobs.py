"""Buffers of files: each model instance keeps the bytes of its picture."""
import io
import os

ITEMS = []


def picture(_number):
    return io.BytesIO(os.urandom(20000))  # LEAK


def churn():
    return bytes(20000)


def handle(number):
    ITEMS.append(picture(number))
