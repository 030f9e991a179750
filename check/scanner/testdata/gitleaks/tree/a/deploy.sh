curl -H "Authorization: token TOKEN" https://example.org
