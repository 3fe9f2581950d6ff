"""WinoMT (Stanovsky, Smith, Zettlemoyer 2019): do translations give people the right gender?"""
