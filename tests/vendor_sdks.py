"""The vendors' own libraries, for tests: what they sign, send and check.

    vendor_sdks.py aliyun-sign JSON       the Authorization header of {method, path, query, headers, payload, id, key}
    vendor_sdks.py tencent-sign JSON      the same of {host, service, timestamp, body, id, key}
    vendor_sdks.py aliyun HOST:PORT       sends a short message and two calls there; prints what the answers say
    vendor_sdks.py tencent HOST:PORT      sends a short message and a call there; prints what the answers say
    vendor_sdks.py twilio-sign JSON       the X-Twilio-Signature of {token, url, form}
    vendor_sdks.py twilio-check JSON      whether {token, url, form, signature} passes RequestValidator

Needs the packages that tests/services.sh installs into a private folder.
"""
import json
import sys

ID, KEY = "testid", "testsecret"
NUMBER, KEY_OF_OURS, WORDS = "13800000001", "533324-ab.1", {"kind": "红色暴雨", "code": "372"}


def aliyun_sign(told):
    from types import SimpleNamespace

    from alibabacloud_tea_openapi.utils import Utils

    request = SimpleNamespace(
        method=told["method"], pathname=told["path"], query=told["query"], headers=told["headers"]
    )
    return Utils.get_authorization(request, "ACS3-HMAC-SHA256", told["payload"], told["id"], told["key"])


def tencent_sign(told):
    from types import SimpleNamespace

    from tencentcloud.common.abstract_client import AbstractClient

    headers = {"Content-Type": "application/json", "Host": told["host"], "X-TC-Timestamp": str(told["timestamp"])}
    request = SimpleNamespace(method="POST", uri="/", data=told["body"], header=headers)
    sign = AbstractClient._get_tc3_signature
    return sign(SimpleNamespace(), {}, request, told["date"], told["service"], told["key"])


def aliyun(endpoint):
    from alibabacloud_dysmsapi20170525 import models as sms
    from alibabacloud_dysmsapi20170525.client import Client as Sms
    from alibabacloud_dyvmsapi20170525 import models as voice
    from alibabacloud_dyvmsapi20170525.client import Client as Voice
    from alibabacloud_tea_openapi.models import Config

    def config():
        return Config(access_key_id=ID, access_key_secret=KEY, endpoint=endpoint, protocol="http")

    words = json.dumps(WORDS, ensure_ascii=False, separators=(",", ":"))
    message = sms.SendSmsRequest(
        phone_numbers=NUMBER, sign_name="某县应急", template_code="SMS_1", template_param=words, out_id=KEY_OF_OURS
    )
    call = voice.SingleCallByTtsRequest(
        called_number=NUMBER, called_show_number="02150000000", tts_code="SMS_1", tts_param=words, play_times=2
    )
    menu = [voice.IvrCallRequestMenuKeyMap(key="1", code="TTS_2"), voice.IvrCallRequestMenuKeyMap(key="2", code="TTS_3")]
    asked = voice.IvrCallRequest(
        called_number=NUMBER, called_show_number="02150000000", start_code="SMS_1", start_tts_params=words,
        play_times=2, timeout=10000, menu_key_map=menu,
    )
    answers = [Sms(config()).send_sms(message), Voice(config()).single_call_by_tts(call), Voice(config()).ivr_call(asked)]
    return [answers[0].body.biz_id, answers[1].body.call_id, answers[2].body.call_id]


def tencent(endpoint):
    from tencentcloud.common.credential import Credential
    from tencentcloud.common.profile.client_profile import ClientProfile
    from tencentcloud.common.profile.http_profile import HttpProfile
    from tencentcloud.sms.v20210111 import models as sms
    from tencentcloud.sms.v20210111.sms_client import SmsClient
    from tencentcloud.vms.v20200902 import models as voice
    from tencentcloud.vms.v20200902.vms_client import VmsClient

    profile = ClientProfile(httpProfile=HttpProfile(protocol="http", endpoint=endpoint))
    message = sms.SendSmsRequest()
    message.from_json_string(json.dumps({
        "PhoneNumberSet": ["+86" + NUMBER], "SmsSdkAppId": "1400", "SignName": "某县应急", "TemplateId": "SMS_1",
        "TemplateParamSet": list(WORDS.values()), "SessionContext": KEY_OF_OURS,
    }))
    call = voice.SendTtsVoiceRequest()
    call.from_json_string(json.dumps({
        "CalledNumber": "+86" + NUMBER, "VoiceSdkAppid": "1400", "TemplateId": "SMS_1", "PlayTimes": 2,
        "TemplateParamSet": list(WORDS.values()), "SessionContext": KEY_OF_OURS,
    }))
    who = Credential(ID, KEY)
    sent = SmsClient(who, "ap-guangzhou", profile).SendSms(message)
    called = VmsClient(who, "ap-guangzhou", profile).SendTtsVoice(call)
    return [sent.SendStatusSet[0].SerialNo, called.SendStatus.CallId]


def twilio_sign(told):
    from twilio.request_validator import RequestValidator

    return RequestValidator(told["token"]).compute_signature(told["url"], told["form"])


def twilio_check(told):
    from twilio.request_validator import RequestValidator

    return RequestValidator(told["token"]).validate(told["url"], told["form"], told["signature"])


COMMANDS = {
    "aliyun-sign": lambda text: aliyun_sign(json.loads(text)),
    "tencent-sign": lambda text: tencent_sign(json.loads(text)),
    "aliyun": aliyun,
    "tencent": tencent,
    "twilio-sign": lambda text: twilio_sign(json.loads(text)),
    "twilio-check": lambda text: twilio_check(json.loads(text)),
}

if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] not in COMMANDS:
        sys.exit(__doc__)
    print(json.dumps(COMMANDS[sys.argv[1]](sys.argv[2])))
