"""Views that answer, stream and fail, in Django's ways and in those of its REST framework."""

import logging
from pathlib import Path

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.http import FileResponse, Http404, HttpResponse, JsonResponse, StreamingHttpResponse
from rest_framework import exceptions, serializers, viewsets
from rest_framework.response import Response
from rest_framework.views import APIView

log = logging.getLogger(__name__)


def hello(request):
    return HttpResponse("hello", headers={"X-Own": "1"})


def boom(request):
    raise LookupError("no such price")


def stream(request):
    return StreamingHttpResponse(f"part {number}\n" for number in range(50))


def broken_stream(request):
    def parts():
        yield "one part\n"
        raise LookupError("no second part")

    return StreamingHttpResponse(parts())


def file(request):
    return FileResponse(Path(__file__).open("rb"))


def order(request):
    return JsonResponse({"ordered": request.POST.get("item")})


def missing(request):
    raise Http404("No order 7")


def denied(request):
    raise PermissionDenied("Not your order")


def suspicious(request):
    raise SuspiciousOperation("a forged field")


def unavailable(request):
    return JsonResponse({"reason": "the stock is being counted"}, status=503)


def warning(request):
    log.warning("the stock is low")
    return HttpResponse("low")


class Fail(APIView):
    def get(self, request):
        raise LookupError("no such price")


class Refuse(APIView):
    def get(self, request):
        raise exceptions.Throttled(wait=7)


class Open(APIView):
    def get(self, request):
        return Response({"open": True})

    def post(self, request):
        raise exceptions.ValidationError({"item": ["This item is sold out."]})


class UserSerializer(serializers.ModelSerializer):
    class Meta:
        model = User
        fields = ("username", "email")


class Users(viewsets.ModelViewSet):
    queryset = User.objects.order_by("id")
    serializer_class = UserSerializer
